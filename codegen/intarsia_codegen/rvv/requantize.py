# SPDX-License-Identifier: Apache-2.0
"""Requantization of a vector of int32 accumulators, exact for every int32 accumulator.

The reference (fixedpoint.py) shifts left, multiplies (high half, doubled, rounded towards +infinity) and divides by a
power of two, ties away from zero. In RISC-V vectors, with the rounding mode "to nearest, up" (rnu):

- VSMUL is the multiplication: (a * b + 2**30) >> 31. It saturates only for a = b = -2**31, and multipliers are not
  negative.
- VNCLIP divides by a power of two of each lane, ties towards +infinity, and saturates to half the width. Ties of
  negative values go the other way when 1 is subtracted before: x + (x >> 31). The high half of a product with a
  multiplier below 2**31 is above -2**31, so the subtraction cannot overflow. A shift by 0 does not round and must not
  get the correction.
- Saturation to 16 bits, a saturating addition of the zero point and a saturation to 8 bits equal one clamp, since none
  of them changes the order of values.

Which of these steps a layer needs is known when it is generated; a `Form` names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia.ops._convolution import accumulator_range
from intarsia_codegen.mve import requantize


@dataclass(frozen=True)
class Form:
    """The steps of one layer's requantization, the same for all its channels.

    `left`: accumulators are shifted left first, each channel by its own amount. `ties`: "up" when the correction of
    negative ties is not needed, "away" when all channels need it, "away_shifted" when only those do that are shifted
    right. `clamp`: the output's limits are not those of int8. `scatter`: only some channels are computed, each has its
    place. `offset`: something is added behind the shift to the left.
    """

    left: bool
    ties: str
    clamp: bool
    scatter: bool = False
    offset: bool = False

    @property
    def name(self) -> str:
        return (
            ("left_" if self.left else "")
            + self.ties
            + ("_clamp" if self.clamp else "")
            + ("_scatter" if self.scatter else "")
            + ("_offset" if self.offset else "")
        )

    @property
    def instructions(self) -> int:
        """Per vector, loads of constants and the store included."""
        return (
            10
            + 2 * self.left
            + {"up": 0, "away": 2, "away_shifted": 4}[self.ties]
            + 2 * self.clamp
            + 2 * self.scatter
        )


@dataclass(frozen=True, eq=False)
class Requantizer:
    """Constants by channel, named as in `itr_rvv_channels`, and the form that reads them."""

    form: Form
    constants: Mapping[str, np.ndarray]
    zero: int
    minimum: int
    maximum: int

    @property
    def limits(self) -> str:
        """Initialiser of an `itr_rvv_limits`."""
        return f"{{{self.zero}, {self.minimum}, {self.maximum}}}"

    def scattered(self, channels: np.ndarray) -> Requantizer:
        """Of these channels only, each stored at its place."""
        chosen = {name: values[channels] for name, values in self.constants.items()}
        return replace(
            self,
            form=replace(self.form, scatter=True),
            constants={**chosen, "places": channels.astype(np.uint16)},
        )

    def extended(self, length: int) -> Requantizer:
        """With the constants repeated from the first channel on, up to `length` of them."""
        return replace(self, constants={k: np.resize(v, length) for k, v in self.constants.items()})


def double_rounding(call: KernelCall, bias: np.ndarray) -> Requantizer:
    """The requantization of a call that rounds twice (constants `multiplier` and `shift`); `bias` per channel, int32.

    Where the output's zero point is the lowest code (after RELU), every negative value ends at that code whichever way
    its ties go, so the correction is left out.
    """
    multiplier, shift = (
        np.broadcast_to(call.constant(name).astype(np.int32), bias.shape) for name in ("multiplier", "shift")
    )
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    zero, minimum, maximum = (call.integer(p) for p in ("out_zero", "minimum", "maximum"))
    ties = "up" if zero <= minimum else "away" if (right > 0).all() else "away_shifted"
    form = Form(bool(left.any()), ties, (minimum, maximum) != (-128, 127))
    constants = {"bias": bias, "multiplier": multiplier, "right": right.astype(np.uint16)}
    if form.left:
        constants["left"] = left.astype(np.uint32)
    if ties == "away_shifted":
        constants["shifted"] = np.where(right > 0, -1, 0).astype(np.int32)
    return Requantizer(form, constants, zero, minimum, maximum)


def single_rounding(call: KernelCall, bias: np.ndarray, weights: np.ndarray) -> Requantizer | None:
    """The requantization of a call that rounds once; `bias` as above, `weights` [channels, taps].

    None where two roundings of a shifted and offset accumulator are not proved equal (see `mve.requantize`).
    """
    low, high = accumulator_range(
        weights.astype(np.int64), call.constant("bias").astype(np.int64), call.integer("in_zero")
    )
    bounds = [(int(a), int(b)) for a, b in zip(low, high, strict=True)]
    found = requantize.single_rounding(call, bounds)
    if found is None:
        return None
    constants = {
        "bias": bias,
        "multiplier": found.multiplier,
        "right": (-found.right).astype(np.uint16),
        "left": found.left.astype(np.uint32),
        "offset": found.offset,
    }
    form = Form(True, "up", not found.full, offset=True)
    return Requantizer(form, constants, found.zero, found.minimum, found.maximum)
