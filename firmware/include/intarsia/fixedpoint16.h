// SPDX-License-Identifier: Apache-2.0
/* Logistic function and hyperbolic tangent in 16-bit fixed point, as sdk/intarsia/fixedpoint16.py
 * defines them. Qm.n has m integer and n fractional bits beside the sign. */
#ifndef INTARSIA_FIXEDPOINT16_H
#define INTARSIA_FIXEDPOINT16_H

#include <stdint.h>

#include "intarsia/fixedpoint.h"

static inline int32_t itr_high_mul_16(int32_t a, int32_t b) {
  const int32_t high = (a * b + (1 << 14)) >> 15;
  return high > INT16_MAX ? INT16_MAX : high;
}

static inline int32_t itr_shift_left_16(int32_t x, int32_t exponent) {
  return itr_clamp(x * (1 << exponent), INT16_MIN, INT16_MAX);
}

/* exp(a) in Q0.15 for a <= 0 with `integer_bits` integer bits. */
static inline int32_t itr_exp_of_negative_16(int32_t a, int32_t integer_bits) {
  static const int16_t exp_of_bit[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
  const int32_t fraction_bits = 15 - integer_bits;
  const int32_t quarter = 1 << (fraction_bits - 2);
  const int32_t fraction = (a & (quarter - 1)) - quarter;
  const int32_t x = itr_shift_left_16(fraction, integer_bits) + (1 << 12);
  const int32_t x2 = itr_high_mul_16(x, x);
  const int32_t x3 = itr_high_mul_16(x2, x);
  const int32_t x4 = itr_high_mul_16(x2, x2);
  const int32_t cubic = itr_high_mul_16(itr_rounding_shift_right(x4, 2) + x3, 10923);
  const int32_t tail = itr_rounding_shift_right(cubic + x2, 1);
  int32_t result = itr_clamp(28918 + itr_high_mul_16(28918, x + tail), INT16_MIN, INT16_MAX);
  const int32_t remainder = fraction - a;
  for (int32_t k = -2; k < integer_bits && k < 5; k++) {
    if (((remainder >> (fraction_bits + k)) & 1) != 0) {
      result = itr_high_mul_16(result, exp_of_bit[k + 2]);
    }
  }
  return a == 0 ? INT16_MAX : result;
}

/* 2 / (1 + a) in Q2.13 for a in [0, 1] in Q0.15. */
static inline int32_t itr_two_over_one_plus_16(int32_t a) {
  const int32_t half_denominator = (a + INT16_MAX + 1) / 2;
  int32_t x = 23130 + itr_high_mul_16(half_denominator, -15420);
  for (int32_t step = 0; step < 3; step++) {
    const int32_t error = (1 << 13) - itr_high_mul_16(half_denominator, x);
    x += itr_shift_left_16(itr_high_mul_16(x, error), 2);
  }
  return x;
}

/* -|x|, within 16 bits. */
static inline int32_t itr_minus_magnitude_16(int32_t x) {
  return x > 0 ? -x : x;
}

/* 1 / (1 + exp(-x)) in Q0.15 for x in Q3.12. */
static inline int32_t itr_logistic_16(int32_t x) {
  if (x == 0) {
    return 1 << 14;
  }
  const int32_t power = itr_exp_of_negative_16(itr_minus_magnitude_16(x), 3);
  const int32_t positive = itr_shift_left_16(itr_two_over_one_plus_16(power), 1);
  return x > 0 ? positive : INT16_MAX - positive;
}

/* Hyperbolic tangent in Q0.15 for x with `integer_bits` integer bits. */
static inline int32_t itr_tanh_16(int32_t x, int32_t integer_bits) {
  if (x == 0) {
    return 0;
  }
  const int32_t power = itr_exp_of_negative_16(itr_minus_magnitude_16(x), integer_bits + 1);
  const int32_t magnitude = itr_shift_left_16(itr_two_over_one_plus_16(power) - (1 << 13), 2);
  return x < 0 ? -magnitude : magnitude;
}

#endif
