# SPDX-License-Identifier: Apache-2.0
"""Layers that are computed one row of windows after the other, whatever the instruction set.

An instruction set gives the function that computes a row (a `Product`) and the one that keeps image rows with their
padding in scratch (a `Family`); here is everything around them, branches of patches included.
"""
