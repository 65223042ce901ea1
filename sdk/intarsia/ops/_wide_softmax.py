# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX of int16 codes to Q0.15, as TFLite's reference kernel has it: exponential and reciprocal by tables."""

from __future__ import annotations

from functools import cache

import numpy as np

from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.fixedpoint_functions import leading_zeros
from intarsia.ir import Tensor
from intarsia.ops import _interpolation

_RANGE = 10.0
"""Differences from the largest value of a row are told apart down to this."""
_LARGEST_SHIFT = 14


@cache
def exponentials() -> np.ndarray:
    """exp of [-10, 0] in Q0.15, for codes [-32768, 32767]."""
    return _interpolation.table(np.exp, -_RANGE, 0.0)


@cache
def reciprocals() -> np.ndarray:
    """1 / (1 + x) of [0, 1] in Q0.15, for codes [-32768, 32767]."""
    return _interpolation.table(lambda x: 1.0 / (1.0 + x), 0.0, 1.0)


def difference_factor(scale: float, beta: float) -> tuple[int, int]:
    """(multiplier, shift) that take differences of codes to [-65535, 0] for [-10, 0]."""
    return quantize_multiplier(scale * beta / (_RANGE / 65535.0))


def fault(source: Tensor, beta: float) -> str | None:
    """Why an int16 row cannot be scaled, or None."""
    if source.zero_point:
        return "an int16 input must have a zero point of 0"
    if not (np.isfinite(beta) and beta >= 0) or difference_factor(source.scale, beta)[1] > _LARGEST_SHIFT:
        return f"beta {beta:g} with input scale {source.scale:g}"
    return None


def softmax(x: Int64Array, scale: float, beta: float) -> np.ndarray:
    """int16 results of the rows along the last axis."""
    difference = multiply_by_quantized_multiplier(
        x - x.max(-1, keepdims=True), *difference_factor(scale, beta)
    )
    exponential = _interpolation.look_up(exponentials(), np.clip(difference + 32767, -32768, 32767))
    total = exponential.sum(-1, keepdims=True)
    headroom = leading_zeros(total)
    shifted = ((total << (headroom - 1)) + (1 << 13)) >> 14
    code = np.clip(shifted - ((1 << 15) + (1 << 16)), -32768, 32767)
    reciprocal = _interpolation.look_up(reciprocals(), code)
    right = 31 - headroom
    result = (exponential * reciprocal + (np.int64(1) << (right - 1))) >> right
    codes: np.ndarray = np.clip(result, 0, 32767).astype(np.int16)
    return codes
