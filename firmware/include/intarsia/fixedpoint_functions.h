// SPDX-License-Identifier: Apache-2.0
/* Exponential, reciprocal, inverse square root and logarithm in 32-bit fixed point, as
 * sdk/intarsia/fixedpoint_functions.py defines them. Qm.n has m integer and n fractional bits
 * beside the sign. */
#ifndef INTARSIA_FIXEDPOINT_FUNCTIONS_H
#define INTARSIA_FIXEDPOINT_FUNCTIONS_H

#include <stdint.h>

#include "intarsia/fixedpoint.h"

/* x * 2^exponent, saturated; 0 <= exponent <= 30. */
static inline int32_t itr_saturating_shift_left(int32_t x, int32_t exponent) {
  if (exponent == 0) {
    return x;
  }
  const int32_t threshold = (int32_t)((UINT32_C(1) << (31 - exponent)) - 1u);
  if (x > threshold) {
    return INT32_MAX;
  }
  return x < -threshold ? INT32_MIN : (int32_t)((uint32_t)x << exponent);
}

/* (a + b) / 2, ties away from zero. */
static inline int32_t itr_rounding_half_sum(int32_t a, int32_t b) {
  const int64_t sum = (int64_t)a + b;
  return (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/* Leading zero bits; 32 for 0. */
static inline int32_t itr_leading_zeros(uint32_t x) {
  int32_t zeros = 0;
  if (x == 0) {
    return 32;
  }
  for (int32_t step = 16; step > 0; step >>= 1) {
    if ((x >> (32 - step)) == 0) {
      zeros += step;
      x <<= step;
    }
  }
  return zeros;
}

/* exp(a) in Q0.31 for a <= 0 in Q5.26. */
static inline int32_t itr_exp_of_negative(int32_t a) {
  static const int32_t exp_of_bit[7] = {1672461947, 1302514674, 790015084, 290630308,
                                        39332535,   720401,     242};
  const int32_t centre = 1895147668;
  const int32_t fraction = (a & 0xffffff) - 0x1000000;
  const int32_t x = fraction * 32 + (1 << 28);
  const int32_t x2 = itr_doubling_high_mul(x, x);
  const int32_t x3 = itr_doubling_high_mul(x2, x);
  const int32_t x4 = itr_doubling_high_mul(x2, x2);
  const int32_t cubic = itr_doubling_high_mul(itr_rounding_shift_right(x4, 2) + x3, 715827883);
  const int32_t tail = itr_rounding_shift_right(cubic + x2, 1);
  int32_t result = centre + itr_doubling_high_mul(centre, x + tail);
  const uint32_t remainder = (uint32_t)fraction - (uint32_t)a;
  if (a == 0) {
    return INT32_MAX;
  }
  for (int32_t bit = 0; bit < 7; bit++) {
    if (((remainder >> (24 + bit)) & 1u) != 0u) {
      result = itr_doubling_high_mul(result, exp_of_bit[bit]);
    }
  }
  return result;
}

/* 1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31. */
static inline int32_t itr_one_over_one_plus(int32_t a) {
  const int32_t half_denominator = itr_rounding_half_sum(a, INT32_MAX);
  int32_t x = 1515870810 + itr_doubling_high_mul(half_denominator, -1010580540);
  for (int32_t step = 0; step < 3; step++) {
    const int32_t error = (1 << 29) - itr_doubling_high_mul(half_denominator, x);
    x += itr_saturating_shift_left(itr_doubling_high_mul(x, error), 2);
  }
  return itr_saturating_shift_left(x, 1);
}

/* 1 / x = result * 2^-*exponent, result in Q0.31, for x >= 1 with `integer_bits` integer bits. */
static inline int32_t itr_reciprocal(int32_t x, int32_t integer_bits, int32_t *exponent) {
  const int32_t zeros = itr_leading_zeros((uint32_t)x);
  *exponent = integer_bits - zeros;
  // NOLINTNEXTLINE(clang-analyzer-core.BitwiseShift): x >= 1 leaves less than 32
  return itr_one_over_one_plus((int32_t)(((uint32_t)x << zeros) - (UINT32_C(1) << 31)));
}

/* 1 / sqrt(x) = result * 2^(*shift - 31), for any x; those below 1 count as 1. */
static inline int32_t itr_inverse_square_root(int32_t x, int32_t *shift) {
  if (x <= 1) {
    *shift = 0;
    return INT32_MAX;
  }
  int32_t right = 11;
  for (; x >= (1 << 29); x /= 4) {
    right++;
  }
  const int32_t pairs = (itr_leading_zeros((uint32_t)x) - 1) / 2 - 1;
  right -= pairs;
  const int32_t half = itr_rounding_shift_right((int32_t)((uint32_t)x << (2 * pairs)) >> 1, 1);
  int32_t root = 1 << 28;
  for (int32_t step = 0; step < 5; step++) {
    const int32_t square = itr_doubling_high_mul(root, root);
    const int32_t cube = itr_saturating_shift_left(itr_doubling_high_mul(square, root), 6);
    const int32_t next = itr_doubling_high_mul((1 << 28) + (1 << 27), root);
    root = itr_saturating_shift_left(next - itr_doubling_high_mul(half, cube), 3);
  }
  root = itr_doubling_high_mul(root, 1518500250);
  *shift = right < 0 ? 0 : -right;
  return right < 0 ? (int32_t)((uint32_t)root << -right) : root;
}

/* log(x) in Q5.26 for x >= 1 in Q12.19. */
static inline int32_t itr_logarithm(int32_t x) {
  const int32_t log_2 = 1488522236, root_half = 1518500250, fourth_root_half = 1805811301;
  const int32_t quarter = 1 << 23;
  const int32_t zeros = itr_leading_zeros((uint32_t)x);
  const int32_t candidate_a = itr_saturating_shift_left(
      itr_doubling_high_mul(itr_saturating_shift_left(x, zeros - 1), root_half), 1);
  const int32_t power_a = itr_saturating_shift_left(12 - zeros, 25) + quarter;
  const int32_t headroom = itr_leading_zeros((uint32_t)itr_doubling_high_mul(x, root_half)) - 1;
  const int32_t candidate_b = itr_saturating_shift_left(x, headroom);
  const int32_t power_b = itr_saturating_shift_left(12 - headroom, 25) - quarter;
  const int32_t r = candidate_a < candidate_b ? candidate_a : candidate_b;
  const int32_t power = power_a > power_b ? power_a : power_b;
  const int32_t p = itr_rounding_half_sum(r, fourth_root_half);
  const int32_t q = 2 * (r - fourth_root_half);
  const int32_t square = itr_doubling_high_mul(q, q);
  const int32_t numerator = itr_doubling_high_mul(q, r) +
                            itr_doubling_high_mul(itr_doubling_high_mul(q, square), 117049297);
  const int32_t denominator =
      itr_doubling_high_mul(p, 1057819769 + q + itr_doubling_high_mul(127690142, square)) +
      itr_doubling_high_mul(638450708, q);
  const int32_t fraction = itr_doubling_high_mul(itr_rounding_shift_right(numerator, 6),
                                                 itr_one_over_one_plus(denominator));
  return itr_saturating_shift_left(itr_doubling_high_mul(power, log_2) + fraction, 1);
}

#endif
