# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the kernel generators for RISC-V integer vectors (Zve32x, vectors of 128 bits or more).

The code asks the core how many lanes it has and uses all of them; results are the same for every vector length.
"""
