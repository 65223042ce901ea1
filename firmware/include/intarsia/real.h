// SPDX-License-Identifier: Apache-2.0
/* Real values as they lie in memory: float, or half precision where ITR_HALF is 1. They are
 * computed with as float either way. */
#ifndef INTARSIA_REAL_H
#define INTARSIA_REAL_H

#include <stdint.h>

#if ITR_HALF
#include "intarsia/half.h"
#endif

#if ITR_HALF

typedef uint16_t itr_real;

static inline float itr_real_get(itr_real value) {
  return itr_half_widen(value);
}
static inline itr_real itr_real_put(float value) {
  return itr_half_narrow(value);
}

#else

typedef float itr_real;

static inline float itr_real_get(itr_real value) {
  return value;
}
static inline itr_real itr_real_put(float value) {
  return value;
}

#endif

/* start + x[0] * w[0] + x[1] * w[1] + ..., added in this order */
static inline float itr_dot_real(float start, const itr_real *x, const itr_real *w, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    start += itr_real_get(x[i]) * itr_real_get(w[i]);
  }
  return start;
}

#endif
