# SPDX-License-Identifier: Apache-2.0
"""Building blocks of kernels for Helium's floating-point vectors: four floats or eight halves at a time."""
