# SPDX-License-Identifier: Apache-2.0
"""Proofs, at generation time, that a form of requantization which vectors compute equals another rule."""

from __future__ import annotations

from collections.abc import Callable

Staircase = Callable[[int], int]
"""The least accumulator whose result is at least a code. Results never fall, so this describes them entirely.
"""


def away_once(multiplier: int, shift: int) -> Staircase:
    """round(accumulator * multiplier / 2**shift), ties away from zero; multiplier and shift at least 1."""
    half = 1 << (shift - 1)

    def first(code: int) -> int:
        if code > 0:
            return -(-((code << shift) - half) // multiplier)
        return 1 - -(-(((1 - code) << shift) - half) // multiplier)

    return first


def offset_for(
    target: Staircase, multiplier: int, left: int, right: int, bounds: tuple[int, int], codes: tuple[int, int]
) -> int | None:
    """An offset that makes vectors follow `target` in `bounds`, results limited to `codes`, or None.

    Vectors compute round(((accumulator << left) + offset) * multiplier / 2**31 / 2**right), rounded after
    either division, ties towards +infinity. Each code bounds the offset from both sides: the accumulator
    where the target first reaches it must reach it, and the one before must not. Codes first reached outside
    of `bounds` ask only that this stays so.
    """
    half = (1 << right) >> 1
    least, most = None, None
    for code in range(codes[0] + 1, codes[1] + 1):
        needed = -(-((((code << right) - half) << 31) - (1 << 30)) // multiplier)
        reached = min(max(target(code), bounds[0]), bounds[1] + 1)
        if reached <= bounds[1]:
            bound = needed - (reached << left)
            least = bound if least is None else max(least, bound)
        if reached > bounds[0]:
            bound = needed - 1 - ((reached - 1) << left)
            most = bound if most is None else min(most, bound)
    if least is None or most is None:
        return most if least is None else least
    return (least + most) // 2 if least <= most else None
