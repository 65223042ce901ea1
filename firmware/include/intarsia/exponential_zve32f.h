// SPDX-License-Identifier: Apache-2.0
/* Exponentials in float32 by the polynomial of `itr_exp` (intarsia/floatmath.h), products fused
 * with sums: within 2 units in the last place of the exact value from 2^-126 up to the largest
 * float, and 0 below. Beyond the largest float the result is not defined. */
#ifndef INTARSIA_EXPONENTIAL_ZVE32F_H
#define INTARSIA_EXPONENTIAL_ZVE32F_H

#include <riscv_vector.h>
#include <stdint.h>

static inline vfloat32m4_t itr_zve32f_step(vfloat32m4_t tail, vfloat32m4_t r, float next,
                                           size_t n) {
  return __riscv_vfmadd_vv_f32m4(tail, r, __riscv_vfmv_v_f_f32m4(next, n), n);
}

static inline vfloat32m4_t itr_zve32f_exp(vfloat32m4_t x, size_t n) {
  const vfloat32m4_t scaled = __riscv_vfmul_vf_f32m4(x, 1.44269504f, n);
  const vint32m4_t turns = __riscv_vfcvt_x_f_v_i32m4(scaled, n);
  const vfloat32m4_t whole = __riscv_vfcvt_f_x_v_f32m4(turns, n);
  vfloat32m4_t r = __riscv_vfmacc_vf_f32m4(x, -0.693359375f, whole, n);
  r = __riscv_vfmacc_vf_f32m4(r, 2.12194440e-4f, whole, n);
  vfloat32m4_t tail = __riscv_vfmv_v_f_f32m4(0.0013814453268423676f, n);
  tail = itr_zve32f_step(tail, r, 0.008368778973817825f, n);
  tail = itr_zve32f_step(tail, r, 0.04166839271783829f, n);
  tail = itr_zve32f_step(tail, r, 0.1666651964187622f, n);
  tail = itr_zve32f_step(tail, r, 0.4999999403953552f, n);
  tail = __riscv_vfmadd_vv_f32m4(tail, __riscv_vfmul_vv_f32m4(r, r, n), r, n);
  const vint32m4_t mantissa =
      __riscv_vreinterpret_v_f32m4_i32m4(__riscv_vfadd_vf_f32m4(tail, 1.0f, n));
  const vint32m4_t bits = __riscv_vadd_vv_i32m4(mantissa, __riscv_vsll_vx_i32m4(turns, 23, n), n);
  const vbool8_t tiny = __riscv_vmfle_vf_f32m4_b8(x, -87.33654f, n);
  return __riscv_vreinterpret_v_i32m4_f32m4(__riscv_vmerge_vxm_i32m4(bits, 0, tiny, n));
}

#endif
