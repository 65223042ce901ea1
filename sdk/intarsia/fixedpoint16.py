# SPDX-License-Identifier: Apache-2.0
"""Logistic function and hyperbolic tangent in 16-bit fixed point, as LSTM gates compute them.

gemmlowp's fixedpoint.h for int16: `firmware/include/intarsia/fixedpoint16.h` is the same arithmetic in C. Qm.n has m
integer and n fractional bits beside the sign. Arrays are int64 and hold int16 values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from intarsia.fixedpoint import Int64Array, rounding_divide_by_pot

LOW, HIGH = -32768, 32767

_EXP_OF_BIT = {-2: 25520, -1: 19875, 0: 12055, 1: 4435, 2: 600, 3: 11, 4: 0}
"""exp(-2**k) in Q0.15."""
_EXP_OF_EIGHTH, _THIRD = 28918, 10923
_48_OVER_17, _MINUS_32_OVER_17 = 23130, -15420


def multiply(a: ArrayLike, b: ArrayLike) -> Int64Array:
    """round(a * b / 2**15), ties towards +infinity, saturated."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    high: Int64Array = np.minimum((product + (1 << 14)) >> 15, HIGH)
    return high


def _shift_left(x: Int64Array, exponent: int) -> Int64Array:
    shifted: Int64Array = np.clip(x << exponent, LOW, HIGH)
    return shifted


def _half_sum(a: Int64Array, b: int) -> Int64Array:
    """(a + b) / 2, ties away from zero."""
    total = a + b
    return np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))


def _exp_of_negative(a: Int64Array, integer_bits: int) -> Int64Array:
    """exp(a) in Q0.15 for a <= 0 with `integer_bits` integer bits."""
    fraction_bits = 15 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    fraction = (a & (quarter - 1)) - quarter
    x = _shift_left(fraction, integer_bits) + (1 << 12)
    x2 = multiply(x, x)
    x3, x4 = multiply(x2, x), multiply(x2, x2)
    tail = rounding_divide_by_pot(multiply(rounding_divide_by_pot(x4, 2) + x3, _THIRD) + x2, 1)
    result = np.clip(_EXP_OF_EIGHTH + multiply(_EXP_OF_EIGHTH, x + tail), LOW, HIGH)
    remainder = fraction - a
    for exponent, factor in _EXP_OF_BIT.items():
        if integer_bits > exponent:
            bit = 1 << (fraction_bits + exponent)
            result = np.where(remainder & bit, multiply(result, factor), result)
    return np.where(a == 0, HIGH, result)


def _newton(a: Int64Array) -> Int64Array:
    """2 / (1 + a) in Q2.13 for a in [0, 1] in Q0.15: three steps."""
    half_denominator = _half_sum(a, HIGH)
    x = _48_OVER_17 + multiply(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 13) - multiply(half_denominator, x)
        x = x + _shift_left(multiply(x, error), 2)
    return x


def logistic(x: ArrayLike) -> Int64Array:
    """1 / (1 + exp(-x)) in Q0.15 for x in Q3.12."""
    x = np.asarray(x, np.int64)
    positive = _shift_left(_newton(_exp_of_negative(np.maximum(-np.abs(x), LOW), 3)), 1)
    result = np.where(x > 0, positive, HIGH - positive)
    return np.where(x == 0, 1 << 14, result)


def tanh(x: ArrayLike, integer_bits: int) -> Int64Array:
    """Hyperbolic tangent in Q0.15 for x with `integer_bits` integer bits."""
    x = np.asarray(x, np.int64)
    exponential = _exp_of_negative(np.maximum(-np.abs(x), LOW), integer_bits + 1)
    magnitude = _shift_left(_newton(exponential) - (1 << 13), 2)
    return np.where(x == 0, 0, np.where(x < 0, -magnitude, magnitude))
