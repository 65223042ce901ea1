// SPDX-License-Identifier: Apache-2.0
/* Products of a run of elements for the int8 kernels of MUL (Helium). */
#ifndef INTARSIA_MUL_MVE_H
#define INTARSIA_MUL_MVE_H

#include "intarsia/mul.h"
#include "intarsia/scale_mve.h"

/* Four elements of an operand, neighbours or one that is repeated (stride 0), zero point taken off.
 */
static inline int32x4_t itr_mve_operand(const int8_t *x, int32_t stride, int32_t zero,
                                        mve_pred16_t some) {
  if (stride == 0) {
    return vdupq_n_s32(*x - zero);
  }
  return vsubq_n_s32(vldrbq_z_s32(x, some), zero);
}

/* `count` products of operands with these strides, 0 or 1. */
static inline void itr_mve_products(const itr_mul_s8_params *p, const int8_t *a, int32_t a_stride,
                                    const int8_t *b, int32_t b_stride, int8_t *out, int32_t count) {
  const int32x4_t minimum = vdupq_n_s32(p->minimum);
  const int32x4_t maximum = vdupq_n_s32(p->maximum);
  const int32_t multiplier = p->multiplier;
  const int32_t shift = p->shift;
  for (; count > 0; count -= 4, a += 4 * a_stride, b += 4 * b_stride, out += 4) {
    const mve_pred16_t some = vctp32q((uint32_t)count);
    const int32x4_t x = itr_mve_operand(a, a_stride, p->a_zero, some);
    const int32x4_t y = itr_mve_operand(b, b_stride, p->b_zero, some);
    const int32x4_t code = itr_mve_scaled(vmulq_s32(x, y), multiplier, shift, p->out_zero);
    vstrbq_p_s32(out, vminq_s32(vmaxq_s32(code, minimum), maximum), some);
  }
}

/* The same with strides that the compiler knows. */
static inline void itr_mve_run(const itr_mul_s8_params *p, const int8_t *a, int32_t a_stride,
                               const int8_t *b, int32_t b_stride, int8_t *out, int32_t count) {
  if (a_stride != 0 && b_stride != 0) {
    itr_mve_products(p, a, 1, b, 1, out, count);
  } else if (a_stride != 0) {
    itr_mve_products(p, a, 1, b, 0, out, count);
  } else {
    itr_mve_products(p, a, 0, b, b_stride, out, count);
  }
}

#endif
