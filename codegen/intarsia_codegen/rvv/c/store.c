// SPDX-License-Identifier: Apache-2.0
/* Stores the codes of sums of `n` channels from `channel` on, whose biases are in the sums: at
 * `out`, or with ITR_SCATTER each at its place behind it. */
static inline void store(int8_t *out, vint32m8_t sum, const itr_rvv_channels *q, itr_rvv_limits to,
                         int32_t channel, size_t n) {
#if ITR_LEFT
  sum = __riscv_vsll_vv_i32m8(sum, __riscv_vle32_v_u32m8(q->left + channel, n), n);
#endif
#if ITR_OFFSET
  sum = __riscv_vadd_vv_i32m8(sum, __riscv_vle32_v_i32m8(q->offset + channel, n), n);
#endif
  const vint32m8_t multiplier = __riscv_vle32_v_i32m8(q->multiplier + channel, n);
  sum = __riscv_vsmul_vv_i32m8(sum, multiplier, __RISCV_VXRM_RNU, n);
#if ITR_TIES == ITR_TIES_AWAY
  sum = __riscv_vadd_vv_i32m8(sum, __riscv_vsra_vx_i32m8(sum, 31, n), n);
#elif ITR_TIES == ITR_TIES_AWAY_SHIFTED
  const vint32m8_t sign = __riscv_vsra_vx_i32m8(sum, 31, n);
  const vint32m8_t shifted = __riscv_vle32_v_i32m8(q->shifted + channel, n);
  sum = __riscv_vadd_vv_i32m8(sum, __riscv_vand_vv_i32m8(sign, shifted, n), n);
#endif
  const vuint16m4_t right = __riscv_vle16_v_u16m4(q->right + channel, n);
  vint16m4_t scaled = __riscv_vnclip_wv_i16m4(sum, right, __RISCV_VXRM_RNU, n);
  scaled = __riscv_vsadd_vx_i16m4(scaled, (int16_t)to.zero, n);
  vint8m2_t code = __riscv_vnclip_wx_i8m2(scaled, 0, __RISCV_VXRM_RNU, n);
#if ITR_CLAMP
  code = __riscv_vmax_vx_i8m2(code, (int8_t)to.minimum, n);
  code = __riscv_vmin_vx_i8m2(code, (int8_t)to.maximum, n);
#endif
#if ITR_SCATTER
  __riscv_vsuxei16_v_i8m2(out, __riscv_vle16_v_u16m4(q->places + channel, n), code, n);
#else
  __riscv_vse8_v_i8m2(out, code, n);
#endif
}
