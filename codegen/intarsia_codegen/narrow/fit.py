# SPDX-License-Identifier: Apache-2.0
"""Requantization of fields: a line whose start cannot be moved by less than one product.

    value = (((sum << scale_bits) * multiplier) >> 32) + offset        MLA (scale_bits 32), SMLAWB (16) or SMMLA
    code  = saturate(value >> exponent)                                SSAT

where sum = accumulator + shift, as it comes out of the fields. Every threshold of the rule bounds the offset from one
side at its own accumulator and from the other side at the accumulator below; any offset between the bounds is exact for
every reachable accumulator, because rule and line never decrease.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array
from intarsia_codegen.narrow.layer import Narrow
from intarsia_codegen.requantization import NEARBY_MULTIPLIERS, Search

PRODUCT_SCALE, WORD_SCALE, FINE_SCALE = 32, 16, 8
"""scale_bits of MLA, SMLAWB, SMMLA."""

SUM_SCALES = (PRODUCT_SCALE, FINE_SCALE)
"""For sums of up to 24 bits, in the order that they are tried."""

EXPONENTS = (14, 16, 12, 18, 20, 10, 22, 8, 24, 6, 4)
"""Tried in this order; layers with the same exponent share code."""

PRODUCT_EXPONENTS = (18, 20, 16, 22, 14, 24, 12, 10, 8)
"""The same for MLA, whose multipliers are as large as sums leave room for."""

_NOWHERE = np.int64(1) << 40


@dataclass(frozen=True, eq=False)
class Line:
    """Multiplier and offset of every channel, for one exponent."""

    exponent: int
    multiplier: Int64Array
    offset: Int64Array


def fit(layer: Narrow, shift: Int64Array, scale_bits: int) -> Line | None:
    """The first exponent at which every channel has an exact line, or None."""
    search = Search(layer.rows, signed=False, clamp=True)
    for exponent in PRODUCT_EXPONENTS if scale_bits == PRODUCT_SCALE else EXPONENTS:
        line = _Fit(search, layer, shift, scale_bits, exponent).line()
        if line is not None:
            return line
    return None


class _Fit:
    """Lines at one exponent."""

    def __init__(
        self, search: Search, layer: Narrow, shift: Int64Array, scale_bits: int, exponent: int
    ) -> None:
        self.search, self.layer, self.exponent = search, layer, exponent
        self.shift, self.scale_bits = shift[search.live], scale_bits

    def line(self) -> Line | None:
        search = self.search
        multiplier = np.zeros(self.layer.channels, np.int64)
        offset = search.fixed_code << self.exponent
        if not len(search.live):
            return Line(self.exponent, multiplier, offset)
        exact = search.slope * 2.0 ** (32 - self.scale_bits + self.exponent)
        if (exact > INT32_MAX - 64).any():
            return None
        open_ = np.ones(len(search.live), bool)
        for step in NEARBY_MULTIPLIERS:
            trial = np.maximum(np.round(exact).astype(np.int64) + step, 1)
            found, good = self._offsets(trial)
            good &= open_
            multiplier[search.live[good]], offset[search.live[good]] = trial[good], found[good]
            open_ &= ~good
            if not open_.any():
                return Line(self.exponent, multiplier, offset)
        return None

    def _value(self, points: Int64Array, multiplier: Int64Array) -> Int64Array:
        sums = points + self.shift
        if self.scale_bits == PRODUCT_SCALE:
            return sums * multiplier
        line: Int64Array = ((sums << self.scale_bits) * multiplier) >> 32
        return line

    def _offsets(self, multiplier: Int64Array) -> tuple[Int64Array, np.ndarray]:
        """An offset for each channel, and whether it is exact."""
        search = self.search
        lower = (search.lower_code << self.exponent) - self._value(search.lower, multiplier)
        upper = (search.upper_code << self.exponent) - 1 - self._value(search.upper, multiplier)
        first = np.where(search.lower_counts, lower, -_NOWHERE).max(axis=0)
        last = np.where(search.upper_counts, upper, _NOWHERE).min(axis=0)
        bounded = np.where(first == -_NOWHERE, last, np.where(last == _NOWHERE, first, (first + last) >> 1))
        return bounded, (first <= last) & self._verified(multiplier, bounded)

    def _verified(self, multiplier: Int64Array, offset: Int64Array) -> np.ndarray:
        """Compares with the rule at both sides of all thresholds and at the ends, and checks widths."""
        search = self.search
        points = np.concatenate([search.lower, search.upper, search.low[None, :], search.high[None, :]])
        points = np.clip(points, search.low, search.high)
        value = self._value(points, multiplier) + offset
        code = np.clip(value >> self.exponent, *BY_BITS[self.layer.out_bits].range)
        code = np.clip(code, self.layer.rows.minimum, self.layer.rows.maximum)
        fits = ((value >= INT32_MIN) & (value <= INT32_MAX)).all(axis=0)
        fits &= (offset >= INT32_MIN) & (offset <= INT32_MAX)
        good: np.ndarray = (code == search.codes(points)).all(axis=0) & fits
        return good
