# SPDX-License-Identifier: Apache-2.0
"""Exponential, reciprocal, inverse square root and logarithm in 32-bit fixed point.

Same algorithms and roundings as gemmlowp's fixedpoint.h and TensorFlow Lite's kernels/internal/common.h;
`firmware/include/intarsia/fixedpoint_functions.h` is the same arithmetic in C. Qm.n has m integer and n
fractional bits beside the sign. All functions take and return int64 arrays that hold int32 values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from intarsia.fixedpoint import (
    INT32_MAX,
    INT32_MIN,
    Int64Array,
    rounding_divide_by_pot,
)
from intarsia.fixedpoint import saturating_rounding_doubling_high_mul as multiply

# exp(-2**k) in Q0.31 for the bit 26 + k of a Q5.26 argument.
_EXP_OF_BIT = {
    24: 1672461947,
    25: 1302514674,
    26: 790015084,
    27: 290630308,
    28: 39332535,
    29: 720401,
    30: 242,
}


def saturating_shift_left(x: ArrayLike, exponent: ArrayLike) -> Int64Array:
    """x * 2**exponent, saturated as gemmlowp SaturatingRoundingMultiplyByPOT for exponents >= 0."""
    x, exponent = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    threshold = (np.int64(1) << (31 - exponent)) - 1
    result = np.where(x > threshold, INT32_MAX, np.where(x < -threshold, INT32_MIN, x << exponent))
    return np.where(exponent == 0, x, result)


def rounding_half_sum(a: ArrayLike, b: ArrayLike) -> Int64Array:
    """(a + b) / 2, ties away from zero."""
    total = np.asarray(a, np.int64) + np.asarray(b, np.int64)
    return np.where(total >= 0, (total + 1) >> 1, -((1 - total) >> 1))


def leading_zeros(x: ArrayLike) -> Int64Array:
    """Leading zero bits of positive int32 values."""
    _, exponent = np.frexp(np.asarray(x, np.float64))
    return 32 - exponent.astype(np.int64)


def _exp_between_minus_quarter_and_zero(a: Int64Array) -> Int64Array:
    """exp of Q0.31 values in [-1/4, 0): a Taylor expansion around -1/8."""
    x = a + (1 << 28)
    x2 = multiply(x, x)
    x3 = multiply(x2, x)
    x4 = multiply(x2, x2)
    cubic = multiply(rounding_divide_by_pot(x4, 2) + x3, 715827883)
    tail = rounding_divide_by_pot(cubic + x2, 1)
    centre = np.int64(1895147668)
    return centre + multiply(centre, x + tail)


def exp_of_negative(a: ArrayLike) -> Int64Array:
    """exp(a) in Q0.31 for a <= 0 in Q5.26 (gemmlowp exp_on_negative_values)."""
    a = np.asarray(a, np.int64)
    fraction = (a & ((1 << 24) - 1)) - (1 << 24)
    result = _exp_between_minus_quarter_and_zero(fraction << 5)
    remainder = fraction - a
    for bit, factor in _EXP_OF_BIT.items():
        result = np.where(remainder & (1 << bit), multiply(result, factor), result)
    return np.where(a == 0, INT32_MAX, result)


def one_over_one_plus(a: ArrayLike) -> Int64Array:
    """1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31: three Newton steps."""
    half_denominator = rounding_half_sum(a, INT32_MAX)
    x = 1515870810 + multiply(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - multiply(half_denominator, x)
        x = x + saturating_shift_left(multiply(x, error), 2)
    return saturating_shift_left(x, 1)


def reciprocal(x: ArrayLike, integer_bits: int) -> tuple[Int64Array, Int64Array]:
    """(r, e) with 1 / x = r * 2**-e, r in Q0.31, for x >= 1 with `integer_bits` integer bits.

    TFLite GetReciprocal.
    """
    x = np.asarray(x, np.int64)
    zeros = leading_zeros(x)
    return one_over_one_plus((x << zeros) - (1 << 31)), integer_bits - zeros


def logarithm(x: ArrayLike) -> Int64Array:
    """log(x) in Q5.26 for x >= 1 in Q12.19 (TFLite log_x_for_x_greater_than_or_equal_to_1)."""
    x = np.asarray(x, np.int64)
    log_2, root_half, fourth_root_half, quarter = 1488522236, 1518500250, 1805811301, 1 << 23
    zeros = leading_zeros(x)
    candidate_a = saturating_shift_left(multiply(saturating_shift_left(x, zeros - 1), root_half), 1)
    power_a = np.minimum(saturating_shift_left(12 - zeros, 25) + quarter, INT32_MAX)
    headroom = leading_zeros(multiply(x, root_half)) - 1
    candidate_b = saturating_shift_left(x, headroom)
    power_b = np.maximum(saturating_shift_left(12 - headroom, 25) - quarter, INT32_MIN)
    r, power = np.minimum(candidate_a, candidate_b), np.maximum(power_a, power_b)
    p = rounding_half_sum(r, fourth_root_half)
    q = 2 * (r - fourth_root_half)
    square = multiply(q, q)
    numerator = multiply(q, r) + multiply(multiply(q, square), 117049297)
    denominator = multiply(p, 1057819769 + q + multiply(127690142, square)) + multiply(638450708, q)
    fraction = multiply(rounding_divide_by_pot(numerator, 6), one_over_one_plus(denominator))
    return saturating_shift_left(multiply(power, log_2) + fraction, 1)


_INVERSE_ROOT_STEPS = 5
_ONE_AND_A_HALF = (1 << 28) + (1 << 27)
_ROOT_HALF = 1518500250


def inverse_square_root(x: ArrayLike) -> tuple[Int64Array, Int64Array]:
    """(r, s) with 1 / sqrt(x) = r * 2**(s - 31), for x >= 1 (TFLite GetInvSqrtQuantizedMultiplierExp).

    Five Newton steps from 1 in Q3.28, after x was brought to between 2**27 and 2**29 by powers of four.
    """
    x = np.asarray(x, np.int64)
    value, right = np.maximum(x, 2), np.full(x.shape, 11, np.int64)
    while (large := value >= 1 << 29).any():
        value, right = np.where(large, value >> 2, value), right + large
    pairs = (leading_zeros(value) - 1) // 2 - 1
    right = right - pairs
    value = value << (2 * pairs)
    whole = value >> 1
    half = rounding_divide_by_pot(whole, 1)
    root = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(_INVERSE_ROOT_STEPS):
        cube = saturating_shift_left(multiply(multiply(root, root), root), 6)
        root = saturating_shift_left(multiply(_ONE_AND_A_HALF, root) - multiply(half, cube), 3)
    root = multiply(root, _ROOT_HALF) << np.maximum(-right, 0)
    one = x <= 1
    return np.where(one, INT32_MAX, root), np.where(one, 0, -np.maximum(right, 0))
