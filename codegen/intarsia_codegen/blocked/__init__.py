# SPDX-License-Identifier: Apache-2.0
"""Building blocks of portable C kernels that are blocked for registers: for cores without SIMD.

A few pixels and a few channels at a time, so that every input and every weight that is loaded is used several times.
Weights are laid out for that when the C is written; zero points of inputs are folded into biases.
"""
