# SPDX-License-Identifier: Apache-2.0
"""Kernels for feature maps and weights below 8 bits on Arm's DSP extension: several products per multiplication.

One UMLAL adds a 64-bit product of two 32-bit words. Words that hold small codes far enough apart are polynomials, and
their product holds every product of two codes in a field of its own. Fields that cannot reach their neighbours, by the
number of products that are added to them, are exact sums.
"""
