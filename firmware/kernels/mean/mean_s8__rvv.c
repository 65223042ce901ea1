// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/mean.h"

/* Sums of `n` neighbours, their zero points taken off. */
static vint32m8_t sums(const itr_mean_s8_params *p, const int8_t *x, size_t n) {
  const int32_t count = p->reduced_0 * p->reduced_1;
  vint32m8_t sum = __riscv_vmv_v_x_i32m8(-p->in_zero * count, n);
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1 * p->kept_2) {
    const int8_t *cell = x;
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++, cell += p->kept_2) {
      const vint16m4_t wide = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(cell, n), n);
      sum = __riscv_vwadd_wv_i32m8(sum, wide, n);
    }
  }
  return sum;
}

/* Codes of sums, scaled with two roundings; saturations keep the order, so they are one clamp. */
static inline vint8m2_t codes(const itr_mean_s8_params *p, vint32m8_t sum, size_t n) {
  const size_t left = p->shift > 0 ? (size_t)p->shift : 0;
  const size_t right = p->shift < 0 ? (size_t)-p->shift : 0;
  sum = __riscv_vsll_vx_i32m8(sum, left, n);
  sum = __riscv_vsmul_vx_i32m8(sum, p->multiplier, __RISCV_VXRM_RNU, n);
  if (right > 0) {
    sum = __riscv_vadd_vv_i32m8(sum, __riscv_vsra_vx_i32m8(sum, 31, n), n);
  }
  vint16m4_t scaled = __riscv_vnclip_wx_i16m4(sum, right, __RISCV_VXRM_RNU, n);
  scaled = __riscv_vsadd_vx_i16m4(scaled, (int16_t)p->out_zero, n);
  return __riscv_vnclip_wx_i8m2(scaled, 0, __RISCV_VXRM_RNU, n);
}

void itr_mean_s8__rvv(const itr_mean_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int8_t *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++) {
      const int8_t *line = block + k1 * p->reduced_1 * p->kept_2;
      for (size_t n, rest = (size_t)p->kept_2; rest > 0; rest -= n, line += n, out += n) {
        n = __riscv_vsetvl_e32m8(rest);
        __riscv_vse8_v_i8m2(out, codes(p, sums(p, line, n), n), n);
      }
    }
  }
}
