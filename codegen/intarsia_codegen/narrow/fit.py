# SPDX-License-Identifier: Apache-2.0
"""Requantization of fields: a line whose start cannot be moved by less than one product.

    value = (((sum << scale_bits) * multiplier) >> 32) + offset        MLA (scale_bits 32), SMLAWB (16) or SMMLA
    code  = saturate(value >> exponent)                                SSAT

where sum = accumulator + shift, as it comes out of the fields. Every threshold of the rule bounds the offset from one
side at its own accumulator and from the other side at the accumulator below; any offset between the bounds is exact for
every reachable accumulator, because rule and line never decrease.

Rules that round half away from zero on both sides of 0 have one line for codes above the zero point and another one
from there down:

    value = value - delta where value < level                                                             CMP, SUBLT

`level` is the value in the middle of the zero point's, the same for all channels. All thresholds above it are beyond
the level on the first line, all others below it, and delta is less than half a code: between them both lines give the
zero point, wherever one takes over from the other.
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
    delta: Int64Array | None = None
    """Of the second line; None where one does for all channels."""

    def of_pairs(self, channels: int) -> Int64Array:
        """Constants [channels / 2, 4 or 6]: both multipliers and offsets, what both second lines take off.

        Those of channels beyond the layer's are 0.
        """
        found = np.zeros((channels, 3), np.int64)
        found[: len(self.multiplier), :2] = np.stack([self.multiplier, self.offset], axis=1)
        pairs = found[:, :2].reshape(-1, 4)
        if self.delta is None:
            return pairs
        found[: len(self.multiplier), 2] = self.delta
        return np.concatenate([pairs, found[:, 2].reshape(-1, 2)], axis=1)


def level_of(zero_point: int, exponent: int) -> int:
    """Value in the middle of the zero point's, where one line takes over from the other."""
    return (2 * zero_point + 1) << (exponent - 1)


def fit(layer: Narrow, shift: Int64Array, scale_bits: int, zero_point: int | None = None) -> Line | None:
    """The first exponent at which every channel has an exact line, or None; two lines with the output's zero point."""
    search = Search(layer.rows, signed=False, clamp=True)
    if zero_point is not None and len(search.live):
        search.slope = Search(layer.rows, signed=True, clamp=True).slope
    for exponent in PRODUCT_EXPONENTS if scale_bits == PRODUCT_SCALE else EXPONENTS:
        level = None if zero_point is None else level_of(zero_point, exponent)
        line = _Fit(search, layer, shift, scale_bits, exponent, level).line()
        if line is not None:
            return line
    return None


class _Fit:
    """Lines at one exponent; with a `level`, two for each channel."""

    def __init__(
        self,
        search: Search,
        layer: Narrow,
        shift: Int64Array,
        scale_bits: int,
        exponent: int,
        level: int | None,
    ) -> None:
        self.search, self.layer, self.exponent, self.level = search, layer, exponent, level
        self.shift, self.scale_bits = shift[search.live], scale_bits

    def line(self) -> Line | None:
        search = self.search
        multiplier, delta = np.zeros((2, self.layer.channels), np.int64)
        offset = search.fixed_code << self.exponent
        exact = self._multipliers() if len(search.live) else np.empty(0)
        open_ = np.ones(len(search.live), bool)
        for step in NEARBY_MULTIPLIERS:
            if not open_.any():
                break
            trial = np.maximum(np.round(exact).astype(np.int64) + step, 1)
            found = self._solved(trial)
            good = found.exact & open_
            multiplier[search.live[good]] = trial[good]
            offset[search.live[good]], delta[search.live[good]] = found.offset[good], found.delta[good]
            open_ &= ~good
        if open_.any():
            return None
        return Line(self.exponent, multiplier, offset, None if self.level is None else delta)

    def _multipliers(self) -> np.ndarray:
        """Real ones, as far as products fit: few thresholds leave slopes open, and the steepest is the widest."""
        search = self.search
        sums = np.maximum(np.abs(search.low + self.shift), np.abs(search.high + self.shift))
        most = np.minimum(2.0 ** (62 - self.scale_bits) / np.maximum(sums, 1), INT32_MAX - 64)
        steepest: np.ndarray = search.slope * 2.0 ** (32 - self.scale_bits + self.exponent)
        return np.asarray(np.minimum(steepest, most))

    def _value(self, points: Int64Array, multiplier: Int64Array) -> Int64Array:
        sums = points + self.shift
        if self.scale_bits == PRODUCT_SCALE:
            return sums * multiplier
        line: Int64Array = ((sums << self.scale_bits) * multiplier) >> 32
        return line

    def _solved(self, multiplier: Int64Array) -> _Solution:
        """Offsets of each channel in the middle of what is allowed."""
        (first, last), *below = self._bounds(multiplier)
        offset, exact = _middle(first, last), first <= last
        delta = np.zeros_like(offset)
        for first_below, last_below in below:
            delta = offset - _middle(first_below, last_below)
            exact = exact & (first_below <= last_below)
        return _Solution(offset, delta, exact & self._verified(multiplier, offset, delta))

    def _bounds(self, multiplier: Int64Array) -> list[tuple[Int64Array, Int64Array]]:
        """Smallest and largest offset of each line."""
        search = self.search
        lower = (search.lower_code << self.exponent) - self._value(search.lower, multiplier)
        upper = (search.upper_code << self.exponent) - 1 - self._value(search.upper, multiplier)
        return [
            (
                np.where(lower_counts, lower, -_NOWHERE).max(axis=0),
                np.where(upper_counts, upper, _NOWHERE).min(axis=0),
            )
            for lower_counts, upper_counts in self._sides()
        ]

    def _sides(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each line, which points of `lower` and of `upper` bound it: all, or those above the level and below."""
        search = self.search
        counts = search.lower_counts, search.upper_counts
        if self.level is None:
            return [counts]
        zero_point = self.level >> self.exponent
        above = search.lower_code > zero_point, search.upper_code > zero_point
        return [
            (counts[0] & above[0], counts[1] & above[1]),
            (counts[0] & ~above[0], counts[1] & ~above[1]),
        ]

    def _verified(self, multiplier: Int64Array, offset: Int64Array, delta: Int64Array) -> np.ndarray:
        """Compares with the rule at both sides of all thresholds and at the ends, and checks widths."""
        search = self.search
        points = np.concatenate([search.lower, search.upper, search.low[None, :], search.high[None, :]])
        points = np.clip(points, search.low, search.high)
        value = self._value(points, multiplier) + offset
        fits = _is_int32(value).all(axis=0) & _is_int32(offset) & _is_int32(delta)
        if self.level is not None:
            fits &= self._apart(multiplier, offset, self.level) & (np.abs(delta) < 1 << (self.exponent - 1))
            value = value - np.where(value < self.level, delta, 0)
            fits &= _is_int32(value).all(axis=0)
        code = np.clip(value >> self.exponent, *BY_BITS[self.layer.out_bits].range)
        code = np.clip(code, self.layer.rows.minimum, self.layer.rows.maximum)
        good: np.ndarray = (code == search.codes(points)).all(axis=0) & fits
        return good

    def _apart(self, multiplier: Int64Array, offset: Int64Array, level: int) -> np.ndarray:
        """Whether all points that bound the first line reach the level, and none that bound the second one."""
        apart = np.ones(len(self.search.live), bool)
        sides = self._sides()
        for points, *counts in zip((self.search.lower, self.search.upper), *sides, strict=True):
            reached = self._value(points, multiplier) + offset >= level
            above, below = counts
            apart &= (reached | ~above).all(axis=0) & ~(reached & below).any(axis=0)
        return apart


@dataclass(frozen=True, eq=False)
class _Solution:
    """Constants for one multiplier, and for which channels they are exact."""

    offset: Int64Array
    delta: Int64Array
    exact: np.ndarray


def _middle(first: Int64Array, last: Int64Array) -> Int64Array:
    """Between two bounds, or the one that there is."""
    found: Int64Array = np.where(
        first == -_NOWHERE, last, np.where(last == _NOWHERE, first, (first + last) >> 1)
    )
    return found


def _is_int32(values: Int64Array) -> np.ndarray:
    inside: np.ndarray = (values >= INT32_MIN) & (values <= INT32_MAX)
    return inside
