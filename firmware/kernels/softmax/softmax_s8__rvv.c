// SPDX-License-Identifier: Apache-2.0
#include "intarsia/exponential_rvv.h"
#include "intarsia/fixedpoint_functions.h"
#include "intarsia/softmax.h"

static int32_t row_maximum(const int8_t *in, int32_t depth) {
  vint8m1_t maximum = __riscv_vmv_s_x_i8m1(INT8_MIN, 1);
  for (size_t n, left = (size_t)depth; left > 0; left -= n, in += n) {
    n = __riscv_vsetvl_e8m8(left);
    maximum = __riscv_vredmax_vs_i8m8_i8m1(__riscv_vle8_v_i8m8(in, n), maximum, n);
  }
  return __riscv_vmv_x_s_i8m1_i8(maximum);
}

/* Differences from the largest code of a row. */
static inline vint32m4_t differences(const int8_t *in, int32_t maximum, size_t n) {
  const vint32m4_t codes = __riscv_vsext_vf4_i32m4(__riscv_vle8_v_i8m1(in, n), n);
  return __riscv_vsub_vx_i32m4(codes, maximum, n);
}

/* Their exponentials in Q0.31; those below diff_min are to be left out. */
static inline vint32m4_t exponentials(const itr_softmax_s8_params *p, vint32m4_t difference,
                                      size_t n) {
  const vint32m4_t left = __riscv_vsll_vx_i32m4(difference, (size_t)p->shift, n);
  return itr_rvv_exp_of_negative(itr_rvv_high_by(left, p->multiplier, n), n);
}

static int32_t row_sum(const itr_softmax_s8_params *p, const int8_t *in, int32_t maximum) {
  vint32m1_t sum = __riscv_vmv_s_x_i32m1(0, 1);
  for (size_t n, left = (size_t)p->depth; left > 0; left -= n, in += n) {
    n = __riscv_vsetvl_e32m4(left);
    const vint32m4_t difference = differences(in, maximum, n);
    const vint32m4_t terms = itr_rvv_rounded(exponentials(p, difference, n), 12, n);
    const vbool8_t used = __riscv_vmsge_vx_i32m4_b8(difference, p->diff_min, n);
    sum = __riscv_vredsum_vs_i32m4_i32m1_m(used, terms, sum, n);
  }
  return __riscv_vmv_x_s_i32m1_i32(sum);
}

/* Probabilities, given the reciprocal of their sum: `factor` * 2^-`right`, 32 shifts all out. */
static void row_codes(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out,
                      int32_t maximum, int32_t factor, int32_t right) {
  for (size_t n, left = (size_t)p->depth; left > 0; left -= n, in += n, out += n) {
    n = __riscv_vsetvl_e32m4(left);
    const vint32m4_t difference = differences(in, maximum, n);
    vint32m4_t code = itr_rvv_high_by(exponentials(p, difference, n), factor, n);
    code = right > 31 ? __riscv_vmv_v_x_i32m4(0, n) : itr_rvv_rounded(code, (size_t)right, n);
    const vbool8_t out_of_reach = __riscv_vmslt_vx_i32m4_b8(difference, p->diff_min, n);
    code = __riscv_vmerge_vxm_i32m4(code, 0, out_of_reach, n);
    code = __riscv_vadd_vx_i32m4(code, INT8_MIN, n);
    const vint16m2_t half = __riscv_vnclip_wx_i16m2(code, 0, __RISCV_VXRM_RNU, n);
    __riscv_vse8_v_i8m1(out, __riscv_vnclip_wx_i8m1(half, 0, __RISCV_VXRM_RNU, n), n);
  }
}

void itr_softmax_s8__rvv(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t r = 0; r < p->rows; r++, in += p->depth, out += p->depth) {
    const int32_t maximum = row_maximum(in, p->depth);
    int32_t exponent;
    const int32_t factor = itr_reciprocal(row_sum(p, in, maximum), 12, &exponent);
    row_codes(p, in, out, maximum, factor, exponent + 31 - 8);
  }
}
