// SPDX-License-Identifier: Apache-2.0
/* `itr_exp_of_negative` for all lanes of a vector (Helium). */
#ifndef INTARSIA_EXPONENTIAL_MVE_H
#define INTARSIA_EXPONENTIAL_MVE_H

#include <arm_mve.h>
#include <stdint.h>

/* exp(a) in Q0.31 for a <= 0 in Q5.26. */
static inline int32x4_t itr_mve_exp_of_negative(int32x4_t a) {
  static const int32_t exp_of_bit[7] = {1672461947, 1302514674, 790015084, 290630308,
                                        39332535,   720401,     242};
  const int32x4_t centre = vdupq_n_s32(1895147668);
  const int32x4_t fraction = vsubq_n_s32(vandq_s32(a, vdupq_n_s32(0xffffff)), 0x1000000);
  const int32x4_t x = vaddq_n_s32(vshlq_n_s32(fraction, 5), 1 << 28);
  const int32x4_t x2 = vqrdmulhq_s32(x, x);
  const int32x4_t x3 = vqrdmulhq_s32(x2, x);
  const int32x4_t x4 = vrshrq_n_s32(vqrdmulhq_s32(x2, x2), 2);
  int32x4_t tail = vaddq_s32(vqrdmulhq_n_s32(vaddq_s32(x4, x3), 715827883), x2);
  tail = vrshrq_n_s32(vaddq_s32(tail, vshrq_n_s32(tail, 31)), 1); /* ties away from zero */
  int32x4_t result = vaddq_s32(centre, vqrdmulhq_s32(centre, vaddq_s32(x, tail)));
  const int32x4_t rest = vsubq_s32(fraction, a);
  for (int32_t bit = 0; bit < 7; bit++) {
    const int32x4_t set = vandq_s32(rest, vdupq_n_s32(1 << (24 + bit)));
    result = vqrdmulhq_m_s32(result, result, vdupq_n_s32(exp_of_bit[bit]), vcmpneq_n_s32(set, 0));
  }
  return vdupq_m_n_s32(result, INT32_MAX, vcmpeqq_n_s32(a, 0));
}

#endif
