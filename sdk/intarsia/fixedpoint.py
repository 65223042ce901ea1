# SPDX-License-Identifier: Apache-2.0
"""The integer arithmetic that defines every quantized result.

These are the rounding rules of the TensorFlow Lite reference kernels (gemmlowp fixed point), written with exact
Python and numpy integers. `firmware/include/intarsia/fixedpoint.h` is the same arithmetic in C. All array functions
take and return int64 arrays that hold int32 values.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1
Int64Array = NDArray[np.int64]
_EXACT = (1 << 22) - 1
"""Accumulators up to here times a multiplier, with what rounds them, fit the 53 bits of a float64."""


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
        scaled = multiply_by_quantized_multiplier(accumulator, *self._integers)
        return np.clip(scaled + self.zero_point, self.minimum, self.maximum)

    @functools.cached_property
    def _integers(self) -> tuple[Int64Array, Int64Array]:
        return np.array(self.multiplier, np.int64), np.array(self.shift, np.int64)

    @functools.cached_property
    def _reals(self) -> tuple[np.ndarray, np.ndarray]:
        """multiplier * 2**(left - 31) and 2**-right, exact in float64."""
        multiplier, shift = self._integers
        return np.ldexp(multiplier, np.maximum(shift, 0) - 31), np.ldexp(1.0, np.minimum(shift, 0))

    def codes(self, sums: np.ndarray, bias: Int64Array) -> NDArray[np.int8]:
        """int8 output codes of `sums` + `bias`: those of `apply`, in float64 where that is exact.

        `sums` [..., channels] are whole numbers in any type that holds them and their sums with the bias.
        """
        total = np.add(sums, bias, dtype=np.float64)
        largest = max(float(total.max(initial=0.0)), -float(total.min(initial=0.0)))
        if largest * 2.0 ** max(0, *self.shift) > _EXACT:
            return self.apply(total.astype(np.int64)).astype(np.int8)
        factor, right = self._reals
        total *= factor
        total += 0.5
        np.floor(total, out=total)
        total *= right
        if self.minimum >= self.zero_point:  # what is below zero is clipped, however it is rounded
            total += 0.5
            np.floor(total, out=total)
        else:
            total += np.copysign(0.5, total)
            np.trunc(total, out=total)
        total += self.zero_point
        np.clip(total, self.minimum, self.maximum, out=total)
        found: NDArray[np.int8] = total.astype(np.int8)
        return found


def requantization(factors: ArrayLike, zero_point: int, limits: tuple[int, int]) -> Requantization:
    """Requantization for real factors (scale_in * scale_weights / scale_out), one per channel."""
    given = np.atleast_1d(np.asarray(factors, np.float64))
    return _requantization(given.tobytes(), zero_point, *limits)


@functools.lru_cache(maxsize=512)
def _requantization(factors: bytes, zero_point: int, minimum: int, maximum: int) -> Requantization:
    pairs = [quantize_multiplier(factor) for factor in np.frombuffer(factors, np.float64).tolist()]
    multipliers, shifts = tuple(m for m, _ in pairs), tuple(s for _, s in pairs)
    return Requantization(multipliers, shifts, zero_point, minimum, maximum)
