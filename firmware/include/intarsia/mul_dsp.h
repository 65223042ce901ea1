// SPDX-License-Identifier: Apache-2.0
/* Products of a run of elements for the int8 kernels of MUL (Arm's DSP extension). */
#ifndef INTARSIA_MUL_DSP_H
#define INTARSIA_MUL_DSP_H

#include "intarsia/fixedpoint.h"
#include "intarsia/mul.h"
#include "intarsia/scale_dsp.h"

/* Products of two codes have 17 bits: so far they may be shifted left. */
enum { ITR_DSP_MUL_SHIFT = 13 };

/* `count` products of operands with these strides, 0 or 1. */
static inline void itr_dsp_products(const itr_mul_s8_params *p, const int8_t *a, int32_t a_stride,
                                    const int8_t *b, int32_t b_stride, int8_t *out, int32_t count) {
  const itr_mul_s8_params q = *p;
  const itr_dsp_factor factor = itr_dsp_factor_of(q.multiplier, q.shift);
  const int8_t *const end = out + count;
  for (; out != end; a += a_stride, b += b_stride) {
    const int32_t product = (*a - q.a_zero) * (*b - q.b_zero);
    const int32_t code = itr_dsp_scaled(product, &factor) + q.out_zero;
    *out++ = itr_dsp_limited(code, q.minimum, q.maximum);
  }
}

/* The same for any factor. */
static inline void itr_dsp_run(const itr_mul_s8_params *p, const int8_t *a, int32_t a_stride,
                               const int8_t *b, int32_t b_stride, int8_t *out, int32_t count) {
  if (p->shift <= ITR_DSP_MUL_SHIFT) {
    itr_dsp_products(p, a, a_stride, b, b_stride, out, count);
    return;
  }
  for (int32_t i = 0; i < count; i++, a += a_stride, b += b_stride) {
    const int32_t product = (*a - p->a_zero) * (*b - p->b_zero);
    const int32_t code = itr_scale(product, p->multiplier, p->shift) + p->out_zero;
    out[i] = itr_dsp_limited(code, p->minimum, p->maximum);
  }
}

#endif
