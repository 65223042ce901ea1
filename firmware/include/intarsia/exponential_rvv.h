// SPDX-License-Identifier: Apache-2.0
/* `itr_exp_of_negative` for all lanes of a vector (RISC-V, Zve32x). */
#ifndef INTARSIA_EXPONENTIAL_RVV_H
#define INTARSIA_EXPONENTIAL_RVV_H

#include <riscv_vector.h>
#include <stdint.h>

/* round(a * b / 2^31), ties towards +infinity, saturated. */
static inline vint32m4_t itr_rvv_high(vint32m4_t a, vint32m4_t b, size_t n) {
  return __riscv_vsmul_vv_i32m4(a, b, __RISCV_VXRM_RNU, n);
}

static inline vint32m4_t itr_rvv_high_by(vint32m4_t a, int32_t b, size_t n) {
  return __riscv_vsmul_vx_i32m4(a, b, __RISCV_VXRM_RNU, n);
}

/* round(a / 2^right), ties towards +infinity. */
static inline vint32m4_t itr_rvv_rounded(vint32m4_t a, size_t right, size_t n) {
  return __riscv_vssra_vx_i32m4(a, right, __RISCV_VXRM_RNU, n);
}

/* exp(a) in Q0.31 for a <= 0 in Q5.26. */
static inline vint32m4_t itr_rvv_exp_of_negative(vint32m4_t a, size_t n) {
  static const int32_t exp_of_bit[7] = {1672461947, 1302514674, 790015084, 290630308,
                                        39332535,   720401,     242};
  const int32_t centre = 1895147668;
  vint32m4_t rest = __riscv_vand_vx_i32m4(a, 0xffffff, n);
  rest = __riscv_vsub_vx_i32m4(rest, 0x1000000, n);
  vint32m4_t x = __riscv_vsll_vx_i32m4(rest, 5, n);
  rest = __riscv_vsub_vv_i32m4(rest, a, n);
  x = __riscv_vadd_vx_i32m4(x, 1 << 28, n);
  const vint32m4_t x2 = itr_rvv_high(x, x, n);
  vint32m4_t tail = itr_rvv_rounded(itr_rvv_high(x2, x2, n), 2, n);
  tail = __riscv_vadd_vv_i32m4(tail, itr_rvv_high(x2, x, n), n);
  tail = __riscv_vadd_vv_i32m4(itr_rvv_high_by(tail, 715827883, n), x2, n);
  tail = __riscv_vadd_vv_i32m4(tail, __riscv_vsra_vx_i32m4(tail, 31, n), n);
  tail = itr_rvv_rounded(tail, 1, n); /* ties away from zero */
  x = itr_rvv_high_by(__riscv_vadd_vv_i32m4(x, tail, n), centre, n);
  vint32m4_t result = __riscv_vadd_vx_i32m4(x, centre, n);
  for (int32_t bit = 0; bit < 7; bit++) {
    const vint32m4_t set = __riscv_vand_vx_i32m4(rest, 1 << (24 + bit), n);
    const vbool8_t some = __riscv_vmsne_vx_i32m4_b8(set, 0, n);
    result = __riscv_vsmul_vx_i32m4_mu(some, result, result, exp_of_bit[bit], __RISCV_VXRM_RNU, n);
  }
  return __riscv_vmerge_vxm_i32m4(result, INT32_MAX, __riscv_vmseq_vx_i32m4_b8(a, 0, n), n);
}

#endif
