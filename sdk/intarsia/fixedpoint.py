# SPDX-License-Identifier: Apache-2.0
"""The integer arithmetic that defines every quantized result.

These are the rounding rules of the TensorFlow Lite reference kernels (gemmlowp fixed point), written with exact
Python and numpy integers. `firmware/include/intarsia/fixedpoint.h` is the same arithmetic in C. All array functions
take and return int64 arrays that hold int32 values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1
Int64Array = NDArray[np.int64]


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Splits a real factor into (multiplier, shift) with real = multiplier * 2**(shift - 31).

    `multiplier` is 0 or in [2**30, 2**31). TFLite `QuantizeMultiplier`: factors below 2**-32 become 0, and shifts
    above 30 saturate. Raises ValueError for negative or non-finite factors.
    """
    if not math.isfinite(real) or real < 0:
        raise ValueError(f"multiplier {real} is not a finite non-negative number")
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    fixed = _round_half_away(mantissa * (1 << 31))
    if fixed == 1 << 31:
        fixed //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    if shift > 30:
        return INT32_MAX, 30
    return fixed, shift


def _round_half_away(value: float) -> int:
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


def saturating_rounding_doubling_high_mul(a: ArrayLike, b: ArrayLike) -> Int64Array:
    """round(a * b / 2**31), ties towards +infinity, saturated (gemmlowp SaturatingRoundingDoublingHighMul)."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    high: Int64Array = np.minimum((product + (1 << 30)) >> 31, INT32_MAX)
    return high


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> Int64Array:
    """round(x / 2**exponent), ties away from zero (gemmlowp RoundingDivideByPOT)."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    rounded: Int64Array = (x >> exponent) + ((x & mask) > threshold)
    return rounded


def multiply_by_quantized_multiplier(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64Array:
    """x * multiplier * 2**(shift - 31), rounded twice: the rule of TFLite's fixed-point kernels."""
    shift = np.asarray(shift, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-shift, 0)
    high = saturating_rounding_doubling_high_mul(np.asarray(x, np.int64) << left, multiplier)
    return rounding_divide_by_pot(high, right)


def reduced_multiplier(multiplier: int) -> int:
    """A multiplier rounded to 15 bits, as TFLite takes it to 64-bit accumulators."""
    return (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF


def scale_wide(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> Int64Array:
    """x * multiplier * 2**(shift - 15), ties towards +infinity, for |x| < 2**47 and multipliers of 15 bits.

    What does not fit 32 bits is cut to them.

    TFLite `MultiplyByQuantizedMultiplier` of 64-bit values; `multiplier` comes from `reduced_multiplier`.
    """
    right = 15 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    result: Int64Array = (product + (np.int64(1) << (right - 1))) >> right
    return (result - INT32_MIN) % (1 << 32) + INT32_MIN


@dataclass(frozen=True)
class Requantization:
    """Per-channel factors that take an accumulator to an output code.

    `multiplier` and `shift` have one entry per output channel (or one for all).
    """

    multiplier: tuple[int, ...]
    shift: tuple[int, ...]
    zero_point: int
    minimum: int
    maximum: int

    def apply(self, accumulator: Int64Array) -> Int64Array:
        """Output codes for accumulators whose last axis is the channel axis."""
        scaled = multiply_by_quantized_multiplier(
            accumulator, np.array(self.multiplier), np.array(self.shift)
        )
        return np.clip(scaled + self.zero_point, self.minimum, self.maximum)


def requantization(factors: ArrayLike, zero_point: int, limits: tuple[int, int]) -> Requantization:
    """Requantization for real factors (scale_in * scale_weights / scale_out), one per channel."""
    pairs = [quantize_multiplier(float(f)) for f in np.atleast_1d(np.asarray(factors, np.float64))]
    return Requantization(
        tuple(m for m, _ in pairs),
        tuple(s for _, s in pairs),
        zero_point,
        limits[0],
        limits[1],
    )
