// SPDX-License-Identifier: Apache-2.0
/* Products of a run of elements for the int8 kernels of MUL (RISC-V, Zve32x). */
#ifndef INTARSIA_MUL_RVV_H
#define INTARSIA_MUL_RVV_H

#include "intarsia/mul.h"
#include "intarsia/scale_rvv.h"

/* The elements of an operand, `stride` bytes apart, its zero point taken off. */
static inline vint16m4_t itr_rvv_operand(const int8_t *x, int32_t stride, int32_t zero, size_t n) {
  const vint8m2_t codes = __riscv_vlse8_v_i8m2(x, stride, n);
  return __riscv_vsub_vx_i16m4(__riscv_vsext_vf2_i16m4(codes, n), (int16_t)zero, n);
}

/* `count` products of operands with these strides (0 repeats an element). */
static inline void itr_rvv_products(const itr_mul_s8_params *p, const int8_t *a, int32_t a_stride,
                                    const int8_t *b, int32_t b_stride, int8_t *out, int32_t count) {
  while (count > 0) {
    const size_t n = __riscv_vsetvl_e32m8((size_t)count);
    const vint16m4_t x = itr_rvv_operand(a, a_stride, p->a_zero, n);
    const vint16m4_t y = itr_rvv_operand(b, b_stride, p->b_zero, n);
    const vint32m8_t product = __riscv_vwmul_vv_i32m8(x, y, n);
    vint8m2_t codes = itr_rvv_codes(product, p->multiplier, p->shift, p->out_zero, n);
    codes = __riscv_vmax_vx_i8m2(codes, (int8_t)p->minimum, n);
    codes = __riscv_vmin_vx_i8m2(codes, (int8_t)p->maximum, n);
    __riscv_vse8_v_i8m2(out, codes, n);
    a += (int32_t)n * a_stride;
    b += (int32_t)n * b_stride;
    out += n;
    count -= (int32_t)n;
  }
}

#endif
