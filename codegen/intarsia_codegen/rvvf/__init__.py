# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the kernel generators for real values on RISC-V vectors (Zve32f, and Zvfh for halves)."""
