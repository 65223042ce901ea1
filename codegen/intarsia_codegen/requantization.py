# SPDX-License-Identifier: Apache-2.0
"""Finds short instruction sequences for requantization and proves them equal to the reference rule.

Requantization is a non-decreasing step function of the accumulator: at most 255 thresholds describe it, one
per output code. Two instructions compute a straight line through the thresholds,

    value = ((raw * multiplier) >> 32) + offset          SMMLA
    code  = clamp(value >> exponent, -128, 127)          SSAT #8, ASR #exponent

where raw = accumulator * 2**scale_bits + bias comes out of the multiply-accumulate loop. In exact
arithmetic the pair (offset, bias) acts as one number `shift = offset * 2**32 + bias * multiplier`, and
every threshold bounds it from one side at its own accumulator and from the other side at the accumulator
below. For a given multiplier that leaves an interval of shifts. Its width is a concave function of the
multiplier, so the best multiplier is found by bisection. A rule that rounds half away from zero is two
lines with a step between them at accumulator 0: the sign form subtracts `delta` from the offset when raw is
negative.

What is returned as proved has been evaluated at both sides of every reachable threshold, at both sides of 0
for the sign form, and at the ends of the reachable range; between those points the rule is constant and the
sequence is monotone, so they are equal everywhere. Channels that always give the same code need no
accumulator: multiplier 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array

MAX_EXPONENT = 20
"""Largest shift of SSAT that is tried: beyond it the int64 arithmetic of the proof could overflow."""

FULL_RANGE = BY_BITS[8].range
"""Codes of an int8 feature map."""

NEARBY_MULTIPLIERS = (0, 1, -1, 2, -2, 4, -4, 7, -7, 12, -12, 20, -20, 33, -33)
"""Steps from the best multiplier that are tried for channels whose numbers do not work out exactly there."""

SLOPE_STEPS = 38
"""Halvings of 55 powers of 2: a relative precision of 2**-32."""


MOST_BIASES = 256
"""Biases that are tried for the two lines of the sign form."""

Rule = Callable[[Int64Array], Int64Array]
"""Output codes, clamped to the layer's limits, for accumulators whose last axis is the channel axis."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Requantization of one layer: its rule, its clamp limits, each channel's reachable accumulators, the output's
    bits."""

    codes: Rule
    minimum: int
    maximum: int
    low: Int64Array
    high: Int64Array
    bits: int = 8

    @property
    def full(self) -> bool:
        """Whether saturation to the output's bits is all the clamp that there is."""
        return (self.minimum, self.maximum) == BY_BITS[self.bits].range

    @property
    def channels(self) -> int:
        return len(self.low)

    def constant_codes(self) -> tuple[np.ndarray, Int64Array]:
        """Which channels give the same code for every reachable accumulator, and that code."""
        codes = self.codes(self.low)
        return codes == self.codes(self.high), codes


@dataclass(frozen=True)
class Form:
    """The shape of the instruction sequence: what a shared assembler text depends on.

    `signed` is the two-line form. `clamp` adds a clamp to the layer's own limits behind the saturation to
    the bits of the output.
    """

    exponent: int
    signed: bool = False
    clamp: bool = False


@dataclass(frozen=True, eq=False)
class Constants:
    """Per-channel constants of a form; meaningless where `proved` is False.

    `bias` is what is to be added to accumulator * 2**scale_bits to make raw.
    """

    multiplier: Int64Array
    offset: Int64Array
    delta: Int64Array
    bias: Int64Array
    proved: np.ndarray


def reachable(
    weights: np.ndarray, bias: np.ndarray, in_zero: int, in_bits: int = 8
) -> tuple[Int64Array, Int64Array]:
    """Ends of the accumulators of every channel over all inputs of so many bits.

    `weights` is [channels, taps] with the weight zero point already subtracted. Taps that fall on padding
    contribute 0, which lies inside the range of every tap, as the zero point is an input code itself.
    """
    weights = weights.astype(np.int64)
    positive, negative = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    smallest, largest = (code - in_zero for code in BY_BITS[in_bits].range)
    bias = bias.astype(np.int64)
    return positive * smallest + negative * largest + bias, positive * largest + negative * smallest + bias


def prove(layer: Layer, form: Form, scale_bits: int) -> Constants:
    """Constants of every channel for a form, with `proved` telling which of them are exact."""
    return Search(layer, signed=form.signed, clamp=form.clamp).prove(form.exponent, scale_bits)


class Search:
    """Lines through the thresholds of all channels that are not constant, for any exponent.

    Arrays are [points, channels]. A line must reach `lower_code` at every point of `lower`, and stay below `upper_code`
    at every point of `upper`; points beyond the reachable range do not count.
    """

    def __init__(self, layer: Layer, *, signed: bool, clamp: bool) -> None:
        self.layer, self.signed, self.clamp = layer, signed, clamp
        self.fixed, self.fixed_code = layer.constant_codes()
        self.live = np.flatnonzero(~self.fixed)
        self.low, self.high = layer.low[self.live], layer.high[self.live]
        self.limits = (layer.minimum, layer.maximum) if clamp else BY_BITS[layer.bits].range
        if len(self.live):
            self._collect_points()
            self.slope, self.gap = self._widest()

    def prove(self, exponent: int, scale_bits: int) -> Constants:
        """Constants of all channels of the layer for an exponent and a scaling of the accumulators."""
        nothing = np.zeros(self.layer.channels, np.int64)
        level = self.fixed_code << exponent
        found = Constants(nothing, level, nothing.copy(), nothing.copy(), self.fixed.copy())
        open_ = np.flatnonzero(self.gap > 0) if len(self.live) else self.live
        scale = 2.0 ** (exponent + 32 - scale_bits)
        for step in NEARBY_MULTIPLIERS:
            if not len(open_):
                break
            multiplier = np.round(self.slope[open_] * scale).astype(np.int64) + step
            trial = _Trial(self, open_, exponent, scale_bits, np.clip(multiplier, 1, INT32_MAX))
            constants = trial.run()
            proved = constants.proved
            for name, values in vars(constants).items():
                getattr(found, name)[self.live[open_[proved]]] = values[proved]
            open_ = open_[~proved]
        return found

    def codes(self, accumulators: Int64Array) -> Int64Array:
        """The rule, for arrays that have the live channels only."""
        full = np.zeros((*accumulators.shape[:-1], self.layer.channels), np.int64)
        full[..., self.live] = accumulators
        return self.layer.codes(full)[..., self.live]

    def _thresholds(self, codes: Int64Array) -> Int64Array:
        """Smallest reachable accumulator whose code is at least each of `codes`; high + 1 without one."""
        first = np.broadcast_to(self.low, (len(codes), len(self.live))).copy()
        last = np.broadcast_to(self.high + 1, first.shape).copy()
        while np.any(first < last):
            middle = (first + last) >> 1
            enough = self.codes(np.minimum(middle, self.high)) >= codes[:, None]
            enough |= middle > self.high
            first, last = np.where(enough, first, middle + 1), np.where(enough, middle, last)
        return first

    def _collect_points(self) -> None:
        codes = np.arange(self.limits[0] + 1, self.limits[1] + 1, dtype=np.int64)[:, None]
        self.lower = self._thresholds(codes[:, 0])
        self.upper = self.lower - 1
        self.lower_code = self.upper_code = np.broadcast_to(codes, self.lower.shape)
        if self.signed:
            # Where one line takes over from the other, both have the code to keep.
            at_zero, below_zero = (self.codes(np.clip(x, self.low, self.high))[None, :] for x in (0, -1))
            zero = np.zeros_like(at_zero)
            self.lower = np.concatenate([self.lower, zero])
            self.upper = np.concatenate([self.upper, zero - 1])
            self.lower_code = np.concatenate([self.lower_code, at_zero])
            self.upper_code = np.concatenate([self.upper_code, below_zero + 1])
        self.lower_counts = self._inside(self.lower) & (self.lower_code > self.limits[0])
        self.upper_counts = self._inside(self.upper) & (self.upper_code <= self.limits[1])

    def _inside(self, points: Int64Array) -> np.ndarray:
        inside: np.ndarray = (points >= self.low) & (points <= self.high)
        return inside

    def sides(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each line, which points of `lower` and of `upper` bound it: all, or those on its side of 0."""
        if not self.signed:
            return [(self.lower_counts, self.upper_counts)]
        return [
            (self.lower_counts & (self.lower >= 0), self.upper_counts & (self.upper >= 0)),
            (self.lower_counts & (self.lower < 0), self.upper_counts & (self.upper < 0)),
        ]

    def _widest(self) -> tuple[np.ndarray, np.ndarray]:
        """Slope in codes per accumulator with the widest gap for the line's height, and that gap in codes.

        The gap is concave in the slope. Its derivative is the distance between the two points that bound it.
        """
        first = np.full(len(self.live), -46.0)  # powers of 2
        last = np.full(len(self.live), 9.0)
        for _ in range(SLOPE_STEPS):
            middle = (first + last) / 2
            _, rising = self._gap(2.0**middle)
            first, last = np.where(rising, middle, first), np.where(rising, last, middle)
        slope = 2.0 ** ((first + last) / 2)
        return slope, self._gap(slope)[0]

    def _gap(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gap per channel and whether it grows with the slope."""
        columns = np.arange(len(self.live))
        lower_height = self.lower_code - slope * self.lower
        upper_height = self.upper_code - slope * self.upper
        gap = np.full(len(self.live), np.inf)
        rising = np.zeros(len(self.live), bool)
        for lower_counts, upper_counts in self.sides():
            lower = np.where(lower_counts, lower_height, -np.inf)
            upper = np.where(upper_counts, upper_height, np.inf)
            from_, to = lower.argmax(axis=0), upper.argmin(axis=0)
            width = upper[to, columns] - lower[from_, columns]
            narrower = width < gap
            grows = self.lower[from_, columns] > self.upper[to, columns]
            gap, rising = np.where(narrower, width, gap), np.where(narrower, grows, rising)
        return gap, rising


class _Trial:
    """One multiplier for each of some of a search's channels, in exact integers."""

    def __init__(
        self, search: Search, columns: Int64Array, exponent: int, scale_bits: int, multiplier: Int64Array
    ) -> None:
        self.search, self.columns = search, columns
        self.exponent, self.scale_bits, self.multiplier = exponent, scale_bits, multiplier
        self.low, self.high = search.low[columns], search.high[columns]
        self.origin = self._origin()

    def _origin(self) -> Int64Array:
        """Accumulator that raw counts from: 0, or the middle of a range that would not fit otherwise."""
        fits = (np.maximum(np.abs(self.low), np.abs(self.high)) << self.scale_bits) < INT32_MAX - (1 << 24)
        if self.search.signed:
            return np.zeros_like(self.low)
        return np.where(fits, 0, (self.low + self.high) >> 1)

    def run(self) -> Constants:
        split = self._split_signed if self.search.signed else self._split
        offset, delta, bias = split()
        bias = bias - (self.origin << self.scale_bits)
        return Constants(self.multiplier, offset, delta, bias, self._verify(offset, delta, bias))

    def _intervals(self) -> list[tuple[Int64Array, Int64Array]]:
        """Smallest and largest allowed shift for each line, per channel."""
        search, columns = self.search, self.columns
        lower = self._shift(search.lower[:, columns], search.lower_code[:, columns])
        upper = self._shift(search.upper[:, columns], search.upper_code[:, columns]) - 1
        return [
            (
                np.where(lower_counts[:, columns], lower, -_NOWHERE).max(axis=0),
                np.where(upper_counts[:, columns], upper, _NOWHERE).min(axis=0),
            )
            for lower_counts, upper_counts in search.sides()
        ]

    def _shift(self, points: Int64Array, codes: Int64Array) -> Int64Array:
        """The shift of a line that just reaches `codes` at `points`."""
        line = (codes << (self.exponent + 32)) - ((points - self.origin) << self.scale_bits) * self.multiplier
        clipped: Int64Array = np.clip(line, 1 - _NOWHERE, _NOWHERE)
        return clipped

    def _split(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Offset and bias whose combined shift is nearest the middle of the interval."""
        ((first, last),) = self._intervals()
        middle = (first >> 1) + (last >> 1)
        offset = (middle + (np.int64(1) << 31)) >> 32
        bias = np.round((middle - (offset << 32)) / self.multiplier).astype(np.int64)
        return offset, np.zeros_like(offset), bias

    def _split_signed(self) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Two offsets for one bias in [0, 2**scale_bits), so that raw has the accumulator's sign."""
        (first, last), (first_negative, last_negative) = self._intervals()
        step = max(1, (1 << self.scale_bits) // MOST_BIASES)
        biases = np.arange(0, 1 << self.scale_bits, step, dtype=np.int64)[:, None]
        product = biases * self.multiplier
        offset, slack = _whole(first - product, last - product)
        negative, slack_negative = _whole(first_negative - product, last_negative - product)
        chosen = np.argmax(np.minimum(slack, slack_negative), axis=0)
        columns = np.arange(len(self.columns))
        picked = offset[chosen, columns]
        return picked, picked - negative[chosen, columns], biases[chosen, 0]

    def _verify(self, offset: Int64Array, delta: Int64Array, bias: Int64Array) -> np.ndarray:
        """Compares with the rule at both sides of all thresholds and at the ends, and checks every width."""
        search = self.search
        points = np.concatenate([search.lower, search.upper, search.low[None, :], search.high[None, :]])
        points = np.clip(points, search.low, search.high)
        want = search.codes(points)[:, self.columns]
        raw = (points[:, self.columns] << self.scale_bits) + bias
        step = np.where((raw < 0) & search.signed, delta, 0)
        value = ((raw * self.multiplier) >> 32) + offset - step
        code = np.clip(value >> self.exponent, *BY_BITS[self.search.layer.bits].range)
        if search.clamp:
            code = np.clip(code, *search.limits)
        fits = [_is_int32(v).all(axis=0) for v in (raw, value)]
        fits += [_is_int32(v) for v in (offset, offset - delta, delta)]
        equal: np.ndarray = (code == want).all(axis=0)
        if search.signed:
            equal &= (bias >= 0) & (bias < 1 << self.scale_bits)
        good: np.ndarray = equal & np.logical_and.reduce(fits)
        return good


_NOWHERE = (np.int64(1) << 62) - 1
"""Bound of a shift that nothing bounds; differences of two of them still fit 64 bits."""


def _whole(first: Int64Array, last: Int64Array) -> tuple[Int64Array, Int64Array]:
    """A number n with first <= n * 2**32 <= last, and how far it is inside (negative: none is)."""
    middle = (first >> 1) + (last >> 1)
    n = (middle + (np.int64(1) << 31)) >> 32
    return n, np.minimum((n << 32) - first, last - (n << 32))


def _is_int32(value: Int64Array) -> np.ndarray:
    inside: np.ndarray = (value >= INT32_MIN) & (value <= INT32_MAX)
    return inside
