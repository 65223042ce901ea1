// SPDX-License-Identifier: Apache-2.0
/* Sets all channels of output pixels to their constants. */
static void fill(int8_t *out, const itr_rvv_gemm *s, int32_t pixels) {
  for (; pixels > 0; pixels--) {
    const int8_t *constant = s->constant;
    for (size_t n, left = (size_t)s->pitch; left > 0; left -= n, constant += n, out += n) {
      n = __riscv_vsetvl_e8m8(left);
      __riscv_vse8_v_i8m8(out, __riscv_vle8_v_i8m8(constant, n), n);
    }
  }
}
