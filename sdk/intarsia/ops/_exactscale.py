# SPDX-License-Identifier: Apache-2.0
"""Integer factors that round as a float64 product does, proved for the accumulators of one layer."""

from __future__ import annotations

import numpy as np

PRODUCT_BITS = 63
"""Bits of |accumulator| * multiplier + half that an int64 holds."""


def exact_factor(factor: float, bounds: tuple[int, int], codes: tuple[int, int]) -> tuple[int, int] | None:
    """(multiplier, shift) that replace `round(float64(acc) * factor)`, ties away from zero, or None.

    For every accumulator in `bounds`, sign(acc) * ((|acc| * multiplier + 2**(shift - 1)) >> shift) equals the
    rounded float64 product, or both lie at or beyond the same end of `codes`, where the output saturates.
    `shift` is in [1, 62] and |acc| * multiplier + 2**(shift - 1) < 2**63.

    The rounded product is a staircase: step k is first reached at some magnitude b_k. A multiplier makes the
    same staircase when b_k * multiplier >= (2k - 1) * 2**(shift - 1) > (b_k - 1) * multiplier for every step,
    which bounds it from both sides. There is one once 2**shift is about 4 * max|acc|**2, and mostly much
    sooner; what fits one shift fits, doubled, the next, so only the largest that int64 allows is tried.
    """
    steps = _steps(factor, max(bounds[1], 0), codes[1]) | _steps(factor, max(-bounds[0], 0), -codes[0])
    largest = max(bounds[1], -bounds[0], 1)
    if not steps:
        return 0, 1
    for shift in range(PRODUCT_BITS - 1, 0, -1):
        half = 1 << (shift - 1)
        if largest * int(factor * half) >> (PRODUCT_BITS - 1):
            continue
        least = max(-(-(2 * k - 1) * half // b) for k, b in steps)
        if largest * least + half >= 1 << PRODUCT_BITS:
            continue
        most = min([((2 * k - 1) * half - 1) // (b - 1) for k, b in steps if b > 1], default=least)
        return (least, shift) if least <= most else None
    return None


def _steps(factor: float, largest: int, last: int) -> set[tuple[int, int]]:
    """(k, smallest magnitude whose product rounds to at least k) for the steps 1..last within reach."""
    if factor <= 0 or last < 1:
        return set()
    k = np.arange(1, last + 1, dtype=np.float64)
    guess = np.ceil((k - 0.5) / factor)
    found = np.where((guess - 1) * factor >= k - 0.5, guess - 1, guess)
    found = np.where(found * factor >= k - 0.5, found, found + 1)
    return {(int(step), int(b)) for step, b in zip(k, found, strict=True) if b <= largest}
