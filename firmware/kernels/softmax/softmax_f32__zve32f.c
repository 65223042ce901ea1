// SPDX-License-Identifier: Apache-2.0
#include "intarsia/exponential_zve32f.h"
#include "intarsia/softmax.h"

static float row_maximum(const float *in, int32_t depth) {
  vfloat32m1_t maximum = __riscv_vfmv_s_f_f32m1(in[0], 1);
  for (size_t n, left = (size_t)depth; left > 0; left -= n, in += n) {
    n = __riscv_vsetvl_e32m8(left);
    maximum = __riscv_vfredmax_vs_f32m8_f32m1(__riscv_vle32_v_f32m8(in, n), maximum, n);
  }
  return __riscv_vfmv_f_s_f32m1_f32(maximum);
}

/* Writes the exponentials of a row and returns their sum, added in the order of the elements. */
static float exponentials(const itr_softmax_f32_params *p, const float *in, float *out) {
  const float maximum = row_maximum(in, p->depth);
  vfloat32m1_t sum = __riscv_vfmv_s_f_f32m1(0.0f, 1);
  for (size_t n, left = (size_t)p->depth; left > 0; left -= n, in += n, out += n) {
    n = __riscv_vsetvl_e32m4(left);
    vfloat32m4_t x = __riscv_vfsub_vf_f32m4(__riscv_vle32_v_f32m4(in, n), maximum, n);
    x = itr_zve32f_exp(__riscv_vfmul_vf_f32m4(x, p->beta, n), n);
    sum = __riscv_vfredosum_vs_f32m4_f32m1(x, sum, n);
    __riscv_vse32_v_f32m4(out, x, n);
  }
  return __riscv_vfmv_f_s_f32m1_f32(sum);
}

static void scale(float *out, int32_t depth, float factor) {
  for (size_t n, left = (size_t)depth; left > 0; left -= n, out += n) {
    n = __riscv_vsetvl_e32m8(left);
    const vfloat32m8_t scaled = __riscv_vfmul_vf_f32m8(__riscv_vle32_v_f32m8(out, n), factor, n);
    __riscv_vse32_v_f32m8(out, scaled, n);
  }
}

void itr_softmax_f32__zve32f(const itr_softmax_f32_params *p, const float *in, float *out) {
  for (int32_t r = 0; r < p->rows; r++, in += p->depth, out += p->depth) {
    scale(out, p->depth, 1.0f / exponentials(p, in, out));
  }
}
