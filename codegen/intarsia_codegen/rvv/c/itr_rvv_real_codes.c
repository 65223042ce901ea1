// SPDX-License-Identifier: Apache-2.0
#include "itr_rvv_real_codes.h"

#include <riscv_vector.h>

#define INFINITY_BITS 0x7F800000

/* Bits of values as integers in the order of the values, NaN below all. */
static inline vint32m8_t ordered(vint32m8_t bits, size_t n) {
  const vbool4_t negative = __riscv_vmslt_vx_i32m8_b4(bits, 0, n);
  bits = __riscv_vxor_vx_i32m8_mu(negative, bits, bits, INT32_MAX, n);
  const vbool4_t unordered = __riscv_vmsgt_vx_i32m8_b4(bits, INFINITY_BITS, n);
  return __riscv_vmerge_vxm_i32m8(bits, INT32_MIN, unordered, n);
}

void itr_rvv_real_codes(const float *in, int8_t *out, const int32_t *thresholds, int32_t size) {
  for (size_t n, left = (size_t)size; left > 0; left -= n, in += n, out += n) {
    n = __riscv_vsetvl_e32m8(left);
    const vint8m8_t bytes = __riscv_vle8_v_i8m8((const int8_t *)in, n * sizeof *in);
    const vint32m8_t keys = ordered(__riscv_vreinterpret_v_i8m8_i32m8(bytes), n);
    vuint32m8_t reached = __riscv_vmv_v_x_u32m8(0, n); /* in bytes of the table */
    for (uint32_t step = 128; step > 0; step >>= 1) {
      const vint32m8_t next = __riscv_vluxei32_v_i32m8(thresholds + step - 1, reached, n);
      const vbool4_t enough = __riscv_vmsge_vv_i32m8_b4(keys, next, n);
      reached = __riscv_vadd_vx_u32m8_mu(enough, reached, reached, step * 4, n);
    }
    const vuint16m4_t halves = __riscv_vnsrl_wx_u16m4(reached, 2, n);
    const vuint8m2_t counts = __riscv_vncvt_x_x_w_u8m2(halves, n);
    const vuint8m2_t codes = __riscv_vxor_vx_u8m2(counts, 0x80, n);
    __riscv_vse8_v_i8m2(out, __riscv_vreinterpret_v_u8m2_i8m2(codes), n);
  }
}
