# SPDX-License-Identifier: Apache-2.0
"""Sums in half precision as fused vector instructions form them, and how far they may be off."""

from __future__ import annotations

import numpy as np

UNIT = 2.0**-11
"""Half the distance of two halves, relative."""


def fused(columns: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """bias + columns [rows, taps] times kernel [channels, taps], float16: one rounding per product, taps in order.

    Products of halves are exact in float64, and so are their sums with a half unless they differ by 2**42 and more.
    """
    total = np.broadcast_to(bias.astype(np.float16), (len(columns), len(kernel)))
    for x, w in zip(columns.T.astype(np.float64), kernel.T.astype(np.float64), strict=True):
        total = (total.astype(np.float64) + x[:, None] * w[None, :]).astype(np.float16)
    return total


def bound(columns: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Largest distance of such sums from the exact ones."""
    magnitude = np.abs(columns.astype(np.float64)) @ np.abs(kernel.T.astype(np.float64)) + np.abs(bias)
    result: np.ndarray = (columns.shape[1] + 2) * UNIT * magnitude
    return result
