// SPDX-License-Identifier: Apache-2.0
/* Products of rows that lie side by side in memory. */
#ifndef INTARSIA_DOT_H
#define INTARSIA_DOT_H

#include <stdint.h>

/* sum over i of (x[i] - x_zero) * (w[i] - w_zero) */
static inline int32_t itr_dot_s8(const int8_t *x, const int8_t *w, int32_t count, int32_t x_zero,
                                 int32_t w_zero) {
  int32_t sum = 0;
  if (w_zero == 0) {
    for (int32_t i = 0; i < count; i++) {
      sum += (x[i] - x_zero) * w[i];
    }
    return sum;
  }
  for (int32_t i = 0; i < count; i++) {
    sum += (x[i] - x_zero) * (w[i] - w_zero);
  }
  return sum;
}

/* sums[0] += the same with w, sums[1] += the same with v */
static inline void itr_dot2_s8(const int8_t *x, const int8_t *w, const int8_t *v, int32_t count,
                               int32_t x_zero, int32_t w_zero, int32_t sums[2]) {
  int32_t a = sums[0];
  int32_t b = sums[1];
  if (w_zero == 0) {
    for (int32_t i = 0; i < count; i++) {
      const int32_t value = x[i] - x_zero;
      a += value * w[i];
      b += value * v[i];
    }
  } else {
    for (int32_t i = 0; i < count; i++) {
      const int32_t value = x[i] - x_zero;
      a += value * (w[i] - w_zero);
      b += value * (v[i] - w_zero);
    }
  }
  sums[0] = a;
  sums[1] = b;
}

/* sum over i of x[i] * w[i] */
static inline int64_t itr_dot_s16_s8(const int16_t *x, const int8_t *w, int32_t count) {
  int64_t sum = 0;
  for (int32_t i = 0; i < count; i++) {
    sum += (int32_t)x[i] * w[i];
  }
  return sum;
}

/* start + x[0] * w[0] + x[1] * w[1] + ..., added in this order */
static inline float itr_dot_f32(float start, const float *x, const float *w, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    start += x[i] * w[i];
  }
  return start;
}

#endif
