# SPDX-License-Identifier: Apache-2.0
"""Requantization by one multiplication, where few thresholds ask for little precision: outputs of 4 and 2 bits.

    code = clamp((sum * multiplier + 2**(exponent - 1)) >> exponent)      CV.MULSRN, CV.CLIP

for sums and multipliers of 16 bits. The exponent is part of the instruction, so all channels share it; what else
rounding needs is in the bias. It is finer than an input's step where weights leave bits of their bytes unused and are
multiplied by 2**up: then so are the sums. Constants are proved as those of `xpulp.requantize` are.
"""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia_codegen.requantization import Search

BITS = 16
LEAST, MOST = -(1 << (BITS - 1)), (1 << (BITS - 1)) - 1
MOST_EXPONENT = 30
"""Then products and what is added to them fit 32 bits."""

NEARBY = (0, -1, 1, -2, 2, -3, 3, -4, 4, -6, 6, -9, 9, -13, 13, -18, 18)
"""Steps from the best multiplier that are tried."""

_NOWHERE = np.int64(1) << 62


def find(search: Search, up: int, *, clipped: bool) -> tuple[int, Int64Array, Int64Array] | None:
    """The exponent, and for each channel of the search the multiplier and what is added to sums; None without a proof.

    Sums are 2**up times the accumulators; `clipped`: they saturate to 16 bits first.
    """
    if not len(search.live) or (search.gap <= 0).any():
        return None
    slope = search.slope / 2.0**up
    exponent = min(MOST_EXPONENT, int(np.floor(np.log2(MOST / slope.max()))))
    if exponent < 1:
        return None
    columns = np.arange(len(search.live))
    best = np.round(slope * 2.0**exponent).astype(np.int64)
    found = np.zeros((2, len(columns)), np.int64)
    for step in NEARBY:
        multiplier = np.clip(best[columns] + step, 1, MOST)
        centre = _centre(search, columns, multiplier, exponent, up)
        proved = _proved(search, columns, multiplier, centre, exponent, up, clipped)
        found[:, columns[proved]] = multiplier[proved], centre[proved]
        columns = columns[~proved]
        if not len(columns):
            return exponent, found[0], found[1]
    return None


def _centre(
    search: Search, columns: Int64Array, multiplier: Int64Array, exponent: int, up: int
) -> Int64Array:
    """In the middle between what reaches every code that is to be reached and what stays below the others."""
    ((lower_counts, upper_counts),) = search.sides()
    reach = (search.lower_code[:, columns] << exponent) - (search.lower[:, columns] << up) * multiplier
    stay = (search.upper_code[:, columns] << exponent) - (search.upper[:, columns] << up) * multiplier - 1
    first = np.where(lower_counts[:, columns], reach, -_NOWHERE).max(axis=0)
    last = np.where(upper_counts[:, columns], stay, _NOWHERE).min(axis=0)
    half = 1 << (exponent - 1)
    up, down = -((half - first) // multiplier), (last - half) // multiplier
    middle: Int64Array = np.where(first == -_NOWHERE, down, np.where(last == _NOWHERE, up, (up + down) >> 1))
    return middle


def _proved(
    search: Search,
    columns: Int64Array,
    multiplier: Int64Array,
    centre: Int64Array,
    exponent: int,
    up: int,
    clipped: bool,
) -> np.ndarray:
    points = np.concatenate([search.lower, search.upper, search.low[None, :], search.high[None, :]])
    points = np.clip(points, search.low, search.high)
    sums = (points[:, columns] << up) + centre
    fits = (np.abs(sums) < 1 << 31).all(axis=0)
    if clipped:
        sums = np.clip(sums, LEAST, MOST)
    else:
        fits &= ((sums >= LEAST) & (sums <= MOST)).all(axis=0)
    code = np.clip((sums * multiplier + (1 << (exponent - 1))) >> exponent, *search.limits)
    proved: np.ndarray = fits & (code == search.codes(points)[:, columns]).all(axis=0)
    return proved
