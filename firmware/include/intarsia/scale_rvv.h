// SPDX-License-Identifier: Apache-2.0
/* `itr_scale` with one factor for all lanes of a vector (RISC-V, Zve32x). */
#ifndef INTARSIA_SCALE_RVV_H
#define INTARSIA_SCALE_RVV_H

#include <riscv_vector.h>
#include <stdint.h>

/* Codes of x * multiplier * 2^(shift - 31), rounded twice, plus zero, saturated to int8. For a
 * multiplier that is not negative. Saturations keep the order of values, so they are one clamp. */
static inline vint8m2_t itr_rvv_codes(vint32m8_t x, int32_t multiplier, int32_t shift, int32_t zero,
                                      size_t n) {
  const size_t left = shift > 0 ? (size_t)shift : 0;
  const size_t right = shift < 0 ? (size_t)-shift : 0;
  x = __riscv_vsll_vx_i32m8(x, left, n);
  x = __riscv_vsmul_vx_i32m8(x, multiplier, __RISCV_VXRM_RNU, n);
  if (right > 0) { /* ties away from zero */
    x = __riscv_vadd_vv_i32m8(x, __riscv_vsra_vx_i32m8(x, 31, n), n);
  }
  vint16m4_t scaled = __riscv_vnclip_wx_i16m4(x, right, __RISCV_VXRM_RNU, n);
  scaled = __riscv_vsadd_vx_i16m4(scaled, (int16_t)zero, n);
  return __riscv_vnclip_wx_i8m2(scaled, 0, __RISCV_VXRM_RNU, n);
}

#endif
