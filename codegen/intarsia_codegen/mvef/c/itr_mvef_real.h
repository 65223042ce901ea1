// SPDX-License-Identifier: Apache-2.0
/* Vectors of real values. A source that includes this defines ITR_HALF: 1 for eight halves, 0 for
 * four floats. Arithmetic is in that precision, products and sums fused. */
#ifndef ITR_MVEF_REAL_H
#define ITR_MVEF_REAL_H

#include <arm_mve.h>

#if ITR_HALF

enum { LANES = 8 };
typedef float16_t real;
typedef float16x8_t reals;

static inline reals all(float value) {
  return vdupq_n_f16((real)value);
}
static inline mve_pred16_t first(int32_t count) {
  return vctp16q(count > 0 ? (uint32_t)count : 0);
}

#else

enum { LANES = 4 };
typedef float32_t real;
typedef float32x4_t reals;

static inline reals all(float value) {
  return vdupq_n_f32(value);
}
static inline mve_pred16_t first(int32_t count) {
  return vctp32q(count > 0 ? (uint32_t)count : 0);
}

#endif

static inline reals clamp(reals v, reals minimum, reals maximum) {
  return vminnmq(vmaxnmq(v, minimum), maximum);
}

#endif
