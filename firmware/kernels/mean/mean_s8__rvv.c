// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/mean.h"
#include "intarsia/scale_rvv.h"

static inline vint32m8_t add(vint32m8_t sum, const int8_t *x, size_t n) {
  const vint16m4_t wide = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(x, n), n);
  return __riscv_vwadd_wv_i32m8_tu(sum, sum, wide, n);
}

/* Sums of `n` neighbours, their zero points taken off. */
static vint32m8_t sums(const itr_mean_s8_params *p, const int8_t *x, size_t n) {
  const int32_t count = p->reduced_0 * p->reduced_1;
  vint32m8_t sum = __riscv_vmv_v_x_i32m8(-p->in_zero * count, n);
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1 * p->kept_2) {
    const int8_t *cell = x;
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++, cell += p->kept_2) {
      sum = add(sum, cell, n);
    }
  }
  return sum;
}

/* The sum of runs of neighbours (kept_2 is 1): lanes first, then across. */
static vint32m8_t sum_of_runs(const itr_mean_s8_params *p, const int8_t *x) {
  const size_t lanes = __riscv_vsetvlmax_e32m8();
  const int32_t zeros = -p->in_zero * p->reduced_0 * p->reduced_1;
  vint32m8_t sum = __riscv_vmv_v_x_i32m8(0, lanes);
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1) {
    const int8_t *cell = x;
    for (size_t n, left = (size_t)p->reduced_1; left > 0; left -= n, cell += n) {
      n = left < lanes ? left : lanes;
      sum = add(sum, cell, n);
    }
  }
  const vint32m1_t all =
      __riscv_vredsum_vs_i32m8_i32m1(sum, __riscv_vmv_s_x_i32m1(zeros, 1), lanes);
  return __riscv_vlmul_ext_v_i32m1_i32m8(all);
}

void itr_mean_s8__rvv(const itr_mean_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int8_t *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++) {
      const int8_t *line = block + k1 * p->reduced_1 * p->kept_2;
      for (size_t n, rest = (size_t)p->kept_2; rest > 0; rest -= n, line += n, out += n) {
        n = __riscv_vsetvl_e32m8(rest);
        const vint32m8_t sum = p->kept_2 == 1 ? sum_of_runs(p, line) : sums(p, line, n);
        const vint8m2_t codes = itr_rvv_codes(sum, p->multiplier, p->shift, p->out_zero, n);
        __riscv_vse8_v_i8m2(out, codes, n);
      }
    }
  }
}
