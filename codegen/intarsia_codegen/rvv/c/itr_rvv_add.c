// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "itr_rvv_add.h"

void itr_rvv_add(const int8_t *a, const int8_t *b, int8_t *out, const itr_rvv_add_params *s) {
  const size_t right = (size_t)s->right;
  for (size_t n, left = (size_t)s->size; left > 0; left -= n, a += n, b += n, out += n) {
    n = __riscv_vsetvl_e32m8(left);
    vint32m8_t sum = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(a, n), n);
    sum = __riscv_vadd_vx_i32m8(__riscv_vmul_vx_i32m8(sum, s->a_factor, n), s->constant, n);
    const vint32m8_t other = __riscv_vsext_vf4_i32m8(__riscv_vle8_v_i8m2(b, n), n);
    sum = __riscv_vmacc_vx_i32m8(sum, s->b_factor, other, n);
    const vint16m4_t half = __riscv_vnclip_wx_i16m4(sum, right, __RISCV_VXRM_RDN, n);
    vint8m2_t code = __riscv_vnclip_wx_i8m2(half, 0, __RISCV_VXRM_RDN, n);
    code = __riscv_vmax_vx_i8m2(code, (int8_t)s->minimum, n);
    code = __riscv_vmin_vx_i8m2(code, (int8_t)s->maximum, n);
    __riscv_vse8_v_i8m2(out, code, n);
  }
}
