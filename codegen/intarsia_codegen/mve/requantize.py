# SPDX-License-Identifier: Apache-2.0
"""Requantization of four int32 accumulators in one vector, exact for every int32 accumulator.

The reference (fixedpoint.py) shifts left, multiplies (high half, doubled, rounded towards +infinity) and
divides by a power of two, ties away from zero. In MVE:

- VQRDMULH is the multiplication: `(2 * a * b + 2**31) >> 32`. It saturates only for a = b = -2**31, and
  multipliers are not negative.
- VRSHL by a negative amount divides, ties towards +infinity. Ties of negative values go the other way when 1
  is subtracted before: x + (x >> 31). The high half of a product with a multiplier below 2**31 is above
  -2**31, so the subtraction cannot overflow. A shift by 0 does not round and must not get the correction.

Which of these steps a layer needs is known when it is generated; a `Form` names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from intarsia.fixedpoint import INT32_MAX
from intarsia.kernelcall import KernelCall
from intarsia_codegen.mve import fit

MAX_SHIFT = 31
"""Largest right shift of a 32-bit lane that is used."""
FACTOR_OFFSETS = (0, *(sign << bit for bit in range(14) for sign in (1, -1)))
"""Greater factors move ties of both signs away from zero, as the rule wants them."""


@dataclass(frozen=True)
class Form:
    """The steps of one layer's requantization, the same for all its channels.

    `left`: accumulators are shifted left by a vector first. `ties`: "up" when the correction of negative ties
    is not needed, "away" when all channels need it, "away_shifted" when only those do that are shifted right.
    """

    left: bool
    ties: str

    @property
    def name(self) -> str:
        return ("left_" if self.left else "") + self.ties


@dataclass(frozen=True, eq=False)
class Requantizer:
    """Per-channel constants (int32 arrays) and the form that reads them.

    `right` is 0 or negative, as VRSHL wants it. `offset` is added after the left shift, and 0 without one.
    """

    form: Form
    multiplier: np.ndarray
    left: np.ndarray
    right: np.ndarray
    offset: np.ndarray
    zero: int
    minimum: int
    maximum: int

    def select(self, channels: np.ndarray) -> Requantizer:
        """Of these channels, in this order."""
        names = ("multiplier", "left", "right", "offset")
        return replace(self, **{name: getattr(self, name)[channels] for name in names})

    @property
    def limits(self) -> str:
        """Initialiser of an `itr_mve_limits`."""
        return f"{{{self.zero}, {self.minimum}, {self.maximum}}}"

    @property
    def full(self) -> bool:
        """Whether the limits are those of int8."""
        return (self.minimum, self.maximum) == (-128, 127)


def double_rounding(call: KernelCall) -> Requantizer:
    """The requantization of a call that rounds twice (constants `multiplier` and `shift`).

    Where the output's zero point is the lowest code (after RELU), every negative value ends at that code
    whichever way its ties go, so the correction is left out.
    """
    multiplier = call.constant("multiplier").astype(np.int32)
    shift = call.constant("shift").astype(np.int32)
    left, right = np.maximum(shift, 0), np.minimum(shift, 0)
    zero, minimum, maximum = (call.integer(p) for p in ("out_zero", "minimum", "maximum"))
    shifted = "away" if (right < 0).all() else "away_shifted"
    form = Form(bool(left.any()), "up" if zero <= minimum else shifted)
    return Requantizer(form, multiplier, left, right, np.zeros_like(left), zero, minimum, maximum)


def single_rounding(call: KernelCall, bounds: Sequence[tuple[int, int]]) -> Requantizer | None:
    """The requantization of a call that rounds once, ties away from zero, or None without a proof.

    The call's factors are multiplier / 2**shift with up to 62 bits; `bounds` are the reachable accumulators
    of each channel. A factor of 31 bits and two roundings may reach a code at another accumulator; shifting
    accumulators left first leaves room for an offset that corrects this, and factors close by are tried as
    well.
    """
    zero, minimum, maximum = (call.integer(p) for p in ("out_zero", "minimum", "maximum"))
    found = []
    for multiplier, shift, reach in zip(
        call.constant("multiplier"), call.constant("shift"), bounds, strict=True
    ):
        channel = _vector_factor(int(multiplier), int(shift), reach, (minimum - zero, maximum - zero))
        if channel is None:
            return None
        found.append(channel)
    factor, left, right, offset = np.array(found, np.int32).T
    return Requantizer(Form(True, "up"), factor, left, right, offset, zero, minimum, maximum)


def _vector_factor(
    multiplier: int, shift: int, bounds: tuple[int, int], codes: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """(multiplier, left shift, negative right shift, offset) that round as once on `bounds`, or None."""
    if multiplier == 0:
        return 0, 0, 0, 0
    bits = multiplier.bit_length()
    near = multiplier << (31 - bits) if bits <= 31 else multiplier >> (bits - 31)
    exponent, largest = bits - shift, max(abs(bounds[0]), abs(bounds[1]), 1)
    left = min(30 - largest.bit_length(), MAX_SHIFT + exponent)
    if left < max(exponent, 0):
        return None
    target = fit.away_once(multiplier, shift)
    for near_by in FACTOR_OFFSETS:
        factor = min(max(near + near_by, 1), INT32_MAX)
        offset = fit.offset_for(target, factor, left, left - exponent, bounds, codes)
        if offset is not None and (largest << left) + abs(offset) <= INT32_MAX:
            return factor, left, exponent - left, offset
    return None


def channel_vectors(requant: Requantizer, bias: np.ndarray) -> np.ndarray:
    """int32 [blocks of four channels, 16]: the vectors that `itr_mve_load` reads.

    Shifting sum and bias apart gives the same, since int32 arithmetic is modulo 2**32 and their sum does not
    overflow.
    """
    shifted = ((bias.astype(np.int64) << requant.left) + requant.offset).astype(np.int32)
    rows = (shifted, requant.multiplier, requant.right, requant.left)
    table = np.zeros((len(rows), -(-bias.size // 4) * 4), "<i4")
    for position, row in enumerate(rows):
        table[position, : row.size] = row
    return np.ascontiguousarray(table.reshape(len(rows), -1, 4).transpose(1, 0, 2)).reshape(-1, 16)
