// SPDX-License-Identifier: Apache-2.0
/* Exponentials in float32 by the polynomial of `itr_exp` (intarsia/floatmath.h), products fused
 * with sums: within 2 units in the last place of the exact value from 2^-126 up to the largest
 * float, and 0 below. Beyond the largest float the result is not defined. */
#ifndef INTARSIA_EXPONENTIAL_MVEF_H
#define INTARSIA_EXPONENTIAL_MVEF_H

#include <arm_mve.h>

static inline float32x4_t itr_mvef_exp(float32x4_t x) {
  const float32x4_t turns = vrndnq_f32(vmulq_n_f32(x, 1.44269504f));
  const float32x4_t r = vfmaq_n_f32(vfmaq_n_f32(x, turns, -0.693359375f), turns, 2.12194440e-4f);
  float32x4_t tail = vfmasq_n_f32(r, vdupq_n_f32(0.0013814453268423676f), 0.008368778973817825f);
  tail = vfmasq_n_f32(tail, r, 0.04166839271783829f);
  tail = vfmasq_n_f32(tail, r, 0.1666651964187622f);
  tail = vfmasq_n_f32(tail, r, 0.4999999403953552f);
  const float32x4_t mantissa = vaddq_n_f32(vfmaq_f32(r, vmulq_f32(r, r), tail), 1.0f);
  const int32x4_t exponent = vshlq_n_s32(vcvtq_s32_f32(turns), 23);
  const int32x4_t bits = vaddq_s32(vreinterpretq_s32_f32(mantissa), exponent);
  const mve_pred16_t tiny = vcmpleq_n_f32(x, -87.33654f);
  return vreinterpretq_f32_s32(vdupq_m_n_s32(bits, 0, tiny));
}

#endif
