# SPDX-License-Identifier: Apache-2.0
"""What is known of the channels of feature maps before anything runs: which codes they can have, and who needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from intarsia.dtypes import DType
from intarsia.fixedpoint import Int64Array
from intarsia.ir import Tensor


@dataclass(frozen=True, eq=False)
class Codes:
    """Lowest and highest code of each channel of a feature map, int64 [C]."""

    low: Int64Array
    high: Int64Array

    @staticmethod
    def any(dtype: DType, channels: int) -> Codes:
        """All codes of a type."""
        low, high = dtype.range
        return Codes(np.full(channels, low, np.int64), np.full(channels, high, np.int64))

    @property
    def constant(self) -> np.ndarray:
        """Which channels have one code only, bool [C]."""
        same: np.ndarray = self.low == self.high
        return same

    def clipped(self, low: float, high: float) -> Codes:
        return Codes(np.clip(self.low, low, high), np.clip(self.high, low, high))

    def centred(self, zero_point: int, *, border: bool) -> tuple[Int64Array, Int64Array]:
        """Ends of code - zero_point; a border counts as 0."""
        low, high = self.low - zero_point, self.high - zero_point
        return (np.minimum(low, 0), np.maximum(high, 0)) if border else (low, high)


def interval(
    kernel: Int64Array, low: Int64Array, high: Int64Array, bias: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Ends of bias + kernel [O, taps] . x for x in [low, high], each [taps] or [O, taps]."""
    rising, falling = np.maximum(kernel, 0), np.minimum(kernel, 0)
    return (
        (rising * low + falling * high).sum(axis=1) + bias,
        (rising * high + falling * low).sum(axis=1) + bias,
    )


def kept_along(tensor: Tensor, kept: np.ndarray, axis: int) -> Tensor:
    """A constant without the indices of an axis that are not kept, bool [shape[axis]]; its scales follow."""
    assert tensor.data is not None
    data = np.ascontiguousarray(np.compress(kept, tensor.data, axis=axis))
    quant = tensor.quant
    if quant is not None and quant.axis == axis and quant.per_channel:
        places = np.flatnonzero(kept)
        quant = replace(
            quant,
            scale=tuple(quant.scale[k] for k in places),
            zero_point=tuple(quant.zero_point[k] for k in places)
            if len(quant.zero_point) > 1
            else quant.zero_point,
        )
    if quant is not None and quant.bits and axis == 0:
        quant = replace(quant, bits=tuple(quant.bits[k] for k in np.flatnonzero(kept)))
    return replace(tensor, shape=data.shape, data=data, quant=quant)
