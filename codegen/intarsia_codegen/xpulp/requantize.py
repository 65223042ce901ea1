# SPDX-License-Identifier: Apache-2.0
"""Requantization without the high half of a product, which takes this core five cycles; everything here takes one.

The multiplier is split in two parts, multiplier = high * 2**low_bits + low, so that both products fit 32 bits:

    value = sum * high + ((sum * low) >> low_bits)      exactly (sum * multiplier) >> low_bits: CV.MAC
    code  = clamp((value + offset) >> exponent)         CV.ADDNR, CV.CLIP

Sums of many bits leave few for the multiplier. Where only the sums near 0 give codes inside the limits, the others are
clamped first (CV.CLIP), which changes no code; the bias moves the middle of what matters to 0. As in
`intarsia_codegen.requantization`, constants are tried and then proved: the rule is evaluated at both sides of every
threshold, and both are monotone. Where one multiplication of 16 bits is enough, that is all (`xpulp.single`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array
from intarsia_codegen.requantization import Layer, Search
from intarsia_codegen.xpulp import single, wide

WORD = 32
SUM_BITS = (18, 20, 19, 22, 17)
"""Bits of sums that are tried, the sign included: few, so that layers share functions."""
NEARBY = (0, 1, -1, 2, -2, 3, -3, 5, -5, 8, -8)
"""Steps from the best multiplier that are tried."""
CODE_SHIFT = 21
"""Most bits behind the point of a code."""
MOST_SHIFT = 46
"""Products of that many bits: the int64 arithmetic of the proof cannot overflow."""


@dataclass(frozen=True)
class Split:
    """Of one layer: what its functions are made for.

    `signed`: another offset for negative sums. `clamped`: the layer has limits of its own, other than those of
    `code_bits`. `single`: the exponent of the one multiplication, else 0. Sums, and so
    weights, are 2**up times those of the reference. `wide`: scale bits of the form of `xpulp.wide`, else -1.
    """

    sum_bits: int
    clipped: bool
    signed: bool = False
    clamped: bool = False
    code_bits: int = 8
    single: int = 0
    up: int = 0
    wide: int = -1

    @property
    def low_bits(self) -> int:
        return WORD - self.sum_bits

    @property
    def name(self) -> str:
        limits = "l" if self.clamped else f"b{self.code_bits}" if self.code_bits < 8 else ""
        if self.single:
            return f"m{self.single}{'c' * self.clipped}{limits}"
        if self.wide >= 0:
            return f"h{self.wide}{'s' * self.signed}{limits}"
        return f"{self.sum_bits}{'c' * self.clipped}{'s' * self.signed}{limits}"


@dataclass(frozen=True, eq=False)
class Constants:
    """Per channel; `bias` is added to the accumulators of the reference. In the wide form, `high` is the bias of raw
    sums and `low` the multiplier."""

    high: Int64Array
    low: Int64Array
    offset: Int64Array
    delta: Int64Array
    bias: Int64Array
    exponent: Int64Array


def find(layer: Layer, ups: Sequence[int] = (0,)) -> tuple[Split, Constants] | None:
    """The shortest form that is proved for all channels. There are no registers for limits and another offset.

    `ups`: by which powers of two weights can be multiplied, the best first.
    """
    for signed in (False, True) if layer.full else (False,):
        search = Search(layer, signed=signed, clamp=not layer.full)
        if not signed and (short := _single(search, ups)) is not None:
            return short
        for clipped in (False, True):
            for sum_bits in SUM_BITS:
                split = Split(sum_bits, clipped, signed, not layer.full, layer.bits)
                if constants := _Attempt(search, split).run():
                    return split, constants
    return _wide(layer)


def _wide(layer: Layer) -> tuple[Split, Constants] | None:
    """The form of last resort."""
    for signed in (False, True) if layer.full else (False,):
        if found := wide.find(Search(layer, signed=signed, clamp=not layer.full)):
            scale_bits, exponent, raw = found
            split = Split(WORD, False, signed, not layer.full, layer.bits, wide=scale_bits)
            nothing = np.zeros_like(raw.bias)
            shifts = np.full_like(nothing, exponent)
            return split, Constants(raw.bias, raw.multiplier, raw.offset, raw.delta, nothing, shifts)
    return None


def _single(search: Search, ups: Sequence[int]) -> tuple[Split, Constants] | None:
    """The form with one multiplication, which can give no code but 0 to a channel that is constant."""
    layer, live = search.layer, search.live
    if search.fixed_code[search.fixed].any():
        return None
    for clipped, up in itertools.product((False, True), ups):
        if (found := single.find(search, up, clipped=clipped)) is not None:
            exponent, multiplier, centre = found
            low, bias = np.zeros(layer.channels, np.int64), np.zeros(layer.channels, np.int64)
            low[live], bias[live] = multiplier, centre
            nothing = np.zeros_like(low)
            split = Split(single.BITS, clipped, False, not layer.full, layer.bits, exponent, up)
            return split, Constants(nothing, low, nothing, nothing, bias, nothing)
    return None


class _Attempt:
    """One form for the channels of a search that are not constant."""

    def __init__(self, search: Search, split: Split) -> None:
        self.search, self.split = search, split
        self.limit = 1 << (split.sum_bits - 1)

    def run(self) -> Constants | None:
        layer, live = self.search.layer, self.search.live
        nothing = np.zeros(layer.channels, np.int64)
        full = [nothing.copy() for _ in range(6)]
        full[2] += self.search.fixed_code
        if not len(live):
            return Constants(*full)
        centre = self._centre()
        if centre is None or (self.search.gap <= 0).any():
            return None
        found = self._constants(centre, self._shift())
        if found is None:
            return None
        for whole, part in zip(full, found, strict=True):
            whole[live] = part
        return Constants(*full)

    def _centre(self) -> Int64Array | None:
        """What is added to sums; None where too many bits matter."""
        search, limit = self.search, self.limit
        low, high = (search.low, search.high) if not self.split.clipped else self._relevant()
        centre = np.zeros_like(low) if self.split.signed else -((low + high) >> 1)
        fits = (low + centre >= -limit) & (high + centre < limit)
        return centre if fits.all() else None

    def _relevant(self) -> tuple[Int64Array, Int64Array]:
        """Below the first sum and above the second, codes do not change."""
        search = self.search
        inside = search.lower_counts
        low = np.where(inside, search.lower, search.high).min(axis=0) - 1
        high = np.where(inside, search.lower, search.low).max(axis=0)
        return low, high

    def _shift(self) -> Int64Array:
        """The most that leaves every multiplier within both its parts, and codes of that many more bits within 32."""
        low_bits = self.split.low_bits
        most = 2 * low_bits - 1 - np.ceil(np.log2(self.search.slope)).astype(np.int64)
        shift: Int64Array = np.clip(most, low_bits, min(MOST_SHIFT, low_bits + CODE_SHIFT))
        return shift

    def _constants(self, centre: Int64Array, shift: Int64Array) -> list[Int64Array] | None:
        columns = np.arange(len(centre))
        best = np.round(self.search.slope * 2.0**shift).astype(np.int64)
        found = [np.zeros_like(centre) for _ in range(6)]
        for step in NEARBY:
            multiplier = np.clip(best[columns] + step, 1, None)
            *trial, proved = self._trial(columns, multiplier, centre[columns], shift[columns])
            for whole, part in zip(found, trial, strict=True):
                whole[columns[proved]] = part[proved]
            columns = columns[~proved]
            if not len(columns):
                return found
        return None

    def _trial(
        self, columns: Int64Array, multiplier: Int64Array, centre: Int64Array, shift: Int64Array
    ) -> list[np.ndarray]:
        """High and low parts, offset, delta, bias, exponent, and where they are proved."""
        search, low_bits = self.search, self.split.low_bits
        offsets = []
        for lower_counts, upper_counts in search.sides():
            reach = (search.lower_code[:, columns] << shift) - (
                search.lower[:, columns] + centre
            ) * multiplier
            stay = (
                (search.upper_code[:, columns] << shift)
                - (search.upper[:, columns] + centre) * multiplier
                - 1
            )
            first = np.where(lower_counts[:, columns], reach, -_NOWHERE).max(axis=0)
            last = np.where(upper_counts[:, columns], stay, _NOWHERE).min(axis=0)
            middle = np.where(
                first == -_NOWHERE, last, np.where(last == _NOWHERE, first, (first + last) >> 1)
            )
            offsets.append((middle + (1 << (low_bits - 1))) >> low_bits)
        offset, negative = offsets[0], offsets[-1]
        high, low = multiplier >> low_bits, multiplier & ((1 << low_bits) - 1)
        constants = [high, low, offset, offset - negative, centre, shift - low_bits]
        return [*constants, self._verify(columns, constants)]

    def _verify(self, columns: Int64Array, constants: list[Int64Array]) -> np.ndarray:
        search, split = self.search, self.split
        high, low, offset, delta, centre, exponent = constants
        points = np.concatenate([search.lower, search.upper, search.low[None, :], search.high[None, :]])
        points = np.clip(points, search.low, search.high)
        want = search.codes(points)[:, columns]
        sums = points[:, columns] + centre
        negative = sums < 0
        if split.clipped:
            sums = np.clip(sums, -self.limit, self.limit - 1)
        low_product, high_product = sums * low, sums * high
        value = high_product + (low_product >> split.low_bits)
        value = value - np.where(negative & split.signed, delta, 0)
        code = np.clip((value + offset) >> exponent, *search.limits)
        fits = [_is_int32(v).all(axis=0) for v in (sums, low_product, high_product, value, value + offset)]
        fits += [_is_int32(offset), _is_int32(delta)]
        proved: np.ndarray = np.logical_and.reduce([(code == want).all(axis=0), *fits])
        return proved


_NOWHERE = np.int64(1) << 62


def _is_int32(value: Int64Array) -> np.ndarray:
    inside: np.ndarray = (value >= INT32_MIN) & (value <= INT32_MAX)
    return inside
