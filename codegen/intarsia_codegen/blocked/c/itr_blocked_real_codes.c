// SPDX-License-Identifier: Apache-2.0
#include "itr_blocked_real_codes.h"

#include <string.h>

#define INFINITY_BITS 0x7F800000

/* The bits of a value as an integer in the order of the values, NaN below all. */
static inline int32_t ordered(const float *value) {
  int32_t bits;
  memcpy(&bits, value, sizeof bits);
  bits = bits < 0 ? bits ^ INT32_MAX : bits;
  return bits > INFINITY_BITS ? INT32_MIN : bits;
}

void itr_blocked_real_codes(const float *in, int8_t *out, const int32_t *thresholds, int32_t size) {
  for (int32_t i = 0; i < size; i++) {
    const int32_t key = ordered(in + i);
    int32_t reached = 0;
    for (int32_t step = 128; step > 0; step >>= 1) {
      reached += key >= thresholds[reached + step - 1] ? step : 0;
    }
    out[i] = (int8_t)(reached + INT8_MIN);
  }
}
