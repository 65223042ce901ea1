// SPDX-License-Identifier: Apache-2.0
/* Products of a run of elements for the int8 kernels of MUL (Helium). */
#ifndef INTARSIA_MUL_MVE_H
#define INTARSIA_MUL_MVE_H

#include "intarsia/mul.h"
#include "intarsia/scale_mve.h"

/* Eight elements of an operand, neighbours or one that is repeated (stride 0), zero point taken
 * off. */
static inline int16x8_t itr_mve_operand(const int8_t *x, int32_t stride, int32_t zero) {
  return vsubq_n_s16(stride == 0 ? vdupq_n_s16(*x) : vldrbq_s16(x), (int16_t)zero);
}

/* The same where no more than `some` may be read. */
static inline int16x8_t itr_mve_last_operand(const int8_t *x, int32_t stride, int32_t zero,
                                             mve_pred16_t some) {
  return vsubq_n_s16(stride == 0 ? vdupq_n_s16(*x) : vldrbq_z_s16(x, some), (int16_t)zero);
}

/* Codes of eight products, even and odd ones: 16 bits are enough to saturate before the limits. */
static inline int16x8_t itr_mve_limited(int32x4_t even, int32x4_t odd, const itr_mul_s8_params *p) {
  const int16x8_t halves = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), even), odd);
  const int16x8_t codes = vqaddq_n_s16(halves, (int16_t)p->out_zero);
  const int16x8_t raised = vmaxq_s16(codes, vdupq_n_s16((int16_t)p->minimum));
  return vminq_s16(raised, vdupq_n_s16((int16_t)p->maximum));
}

/* Four products times the factor of `p`. Where `one_sided`, its shift is not positive and negative
 * products end at the lower limit: which way their ties go does not matter. */
static inline int32x4_t itr_mve_factored(int32x4_t x, const itr_mul_s8_params *p, int one_sided) {
  if (one_sided) {
    return vrshlq_n_s32(vqrdmulhq_n_s32(x, p->multiplier), p->shift);
  }
  return itr_mve_scaled(x, p->multiplier, p->shift, 0);
}

/* The codes of eight products. */
static inline int16x8_t itr_mve_eight(const itr_mul_s8_params *p, int one_sided, int16x8_t x,
                                      int16x8_t y) {
  const int32x4_t even = itr_mve_factored(vmullbq_int_s16(x, y), p, one_sided);
  const int32x4_t odd = itr_mve_factored(vmulltq_int_s16(x, y), p, one_sided);
  return itr_mve_limited(even, odd, p);
}

/* `count` products of operands with these strides, 0 or 1. */
static inline void itr_mve_products(const itr_mul_s8_params *params, int one_sided, const int8_t *a,
                                    int32_t a_stride, const int8_t *b, int32_t b_stride,
                                    int8_t *out, int32_t count) {
  const itr_mul_s8_params p = *params;
  for (int32_t i = count / 8; i > 0; i--, a += 8 * a_stride, b += 8 * b_stride, out += 8) {
    const int16x8_t x = itr_mve_operand(a, a_stride, p.a_zero);
    const int16x8_t y = itr_mve_operand(b, b_stride, p.b_zero);
    vstrbq_s16(out, itr_mve_eight(&p, one_sided, x, y));
  }
  if (count % 8 != 0) {
    const mve_pred16_t some = vctp16q((uint32_t)(count % 8));
    const int16x8_t x = itr_mve_last_operand(a, a_stride, p.a_zero, some);
    const int16x8_t y = itr_mve_last_operand(b, b_stride, p.b_zero, some);
    vstrbq_p_s16(out, itr_mve_eight(&p, one_sided, x, y), some);
  }
}

/* Whether ties of negative products do not matter. */
static inline int itr_mve_one_sided(const itr_mul_s8_params *p) {
  return p->shift <= 0 && p->out_zero <= p->minimum;
}

/* The same, with a compiler that knows the strides and which way ties go. */
static inline void itr_mve_run(const itr_mul_s8_params *p, const int8_t *a, int32_t a_stride,
                               const int8_t *b, int32_t b_stride, int8_t *out, int32_t count) {
  if (a_stride == 0 || b_stride == 0) {
    itr_mve_products(p, 0, a, a_stride, b, b_stride, out, count);
  } else if (itr_mve_one_sided(p)) {
    itr_mve_products(p, 1, a, 1, b, 1, out, count);
  } else {
    itr_mve_products(p, 0, a, 1, b, 1, out, count);
  }
}

#endif
