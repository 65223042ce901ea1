# SPDX-License-Identifier: Apache-2.0
"""Building blocks of kernels for floats on CV32E40P: in its integer registers (Zfinx), halves in pairs, with Xpulp.

Floats and pairs of halves are words, as four int8 codes are for the integer kernels, and share their loops.

A sum of K products of halves is two: one of the products at even places, which begins with the bias rounded to a half,
one of those at odd places; then both are added. Products are added with one rounding (VFMAC.H). So a result lies within

    (K / 2 + 4) * 2**-11 * (|bias| + sum |x * w|)

of the exact one (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1: one rounding a step, here at most
(K + 1) / 2 of them, the bias and the sum of both halves), as long as nothing overflows or falls below 2**-14.
"""
