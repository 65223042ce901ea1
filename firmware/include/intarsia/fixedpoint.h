// SPDX-License-Identifier: Apache-2.0
/* The integer arithmetic that defines every quantized result: the rounding rules of the TensorFlow
 * Lite reference kernels, as sdk/intarsia/fixedpoint.py defines them. */
#ifndef INTARSIA_FIXEDPOINT_H
#define INTARSIA_FIXEDPOINT_H

#include <stdint.h>

/* round(a * b / 2^31), ties towards +infinity, saturated. */
static inline int32_t itr_doubling_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) {
    return INT32_MAX;
  }
  return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* round(x / 2^exponent), ties away from zero; 0 <= exponent <= 31. */
static inline int32_t itr_rounding_shift_right(int32_t x, int32_t exponent) {
  const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1u);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  // cppcheck-suppress shiftTooManyBitsSigned ; that is about shifts to the left
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x * multiplier * 2^(shift - 31), rounded twice. */
static inline int32_t itr_scale(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  const int32_t shifted = (int32_t)((uint32_t)x << left);
  return itr_rounding_shift_right(itr_doubling_high_mul(shifted, multiplier), right);
}

/* x * multiplier * 2^(shift - 15), ties towards +infinity, for |x| < 2^47, a multiplier of 15 bits
 * and shift <= 14, cut to 32 bits: what 64-bit accumulators are scaled with. */
static inline int32_t itr_scale_wide(int64_t x, int32_t multiplier, int32_t shift) {
  const int32_t right = 15 - shift;
  return (int32_t)((x * multiplier + (INT64_C(1) << (right - 1))) >> right);
}

static inline int32_t itr_clamp(int32_t x, int32_t minimum, int32_t maximum) {
  return x < minimum ? minimum : x > maximum ? maximum : x;
}

#endif
