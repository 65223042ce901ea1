// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>
#include <stdint.h>

/* Values are `real`, sums always float32: products are fused with them, and for halves, whose
 * products float32 holds exactly, the sums are those of portable C. */
#if ITR_HALF
typedef _Float16 real;
typedef vfloat16m4_t reals;
#else
typedef float real;
typedef vfloat32m8_t reals;
#endif
typedef vfloat32m8_t sums;

static inline reals load(const real *in, size_t n) {
#if ITR_HALF
  return __riscv_vle16_v_f16m4(in, n);
#else
  return __riscv_vle32_v_f32m8(in, n);
#endif
}

static inline sums zero(size_t n) {
  return __riscv_vfmv_v_f_f32m8(0.0f, n);
}

static inline sums widened(reals x, size_t n) {
#if ITR_HALF
  return __riscv_vfwcvt_f_f_v_f32m8(x, n);
#else
  (void)n;
  return x;
#endif
}

static inline sums multiply(sums sum, real x, reals w, size_t n) {
#if ITR_HALF
  return __riscv_vfwmacc_vf_f32m8(sum, x, w, n);
#else
  return __riscv_vfmacc_vf_f32m8(sum, x, w, n);
#endif
}

static inline sums multiply_each(sums sum, reals x, reals w, size_t n) {
#if ITR_HALF
  return __riscv_vfwmacc_vv_f32m8(sum, x, w, n);
#else
  return __riscv_vfmacc_vv_f32m8(sum, x, w, n);
#endif
}

static inline void store(real *out, sums sum, float minimum, float maximum, size_t n) {
  const sums limited = __riscv_vfmin_vf_f32m8(__riscv_vfmax_vf_f32m8(sum, minimum, n), maximum, n);
#if ITR_HALF
  __riscv_vse16_v_f16m4(out, __riscv_vfncvt_f_f_w_f16m4(limited, n), n);
#else
  __riscv_vse32_v_f32m8(out, limited, n);
#endif
}
