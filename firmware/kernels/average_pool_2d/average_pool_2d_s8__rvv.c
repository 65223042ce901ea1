// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/average_pool_2d.h"
#include "intarsia/window.h"

/* x / count rounded to nearest, ties away from zero: half of count is added to the magnitude. */
static inline vint32m8_t rounded_quotient(vint32m8_t x, int32_t count, size_t n) {
  const vint32m8_t below = __riscv_vsub_vx_i32m8(x, count / 2, n);
  const vint32m8_t above = __riscv_vadd_vx_i32m8(x, count / 2, n);
  const vbool4_t positive = __riscv_vmsgt_vx_i32m8_b4(x, 0, n);
  return __riscv_vdiv_vx_i32m8(__riscv_vmerge_vvm_i32m8(below, above, positive, n), count, n);
}

/* Averages of `n` channels over a window of `height` by `width` cells from `x` on. */
static vint8m2_t average(const itr_average_pool_2d_s8_params *p, const int8_t *x, int32_t height,
                         int32_t width, size_t n) {
  const int32_t count = height * width;
  vint32m8_t sum = __riscv_vmv_v_x_i32m8(p->offset * count, n);
  for (int32_t ky = 0; ky < height; ky++, x += p->in_w * p->in_c) {
    const int8_t *cell = x;
    for (int32_t kx = 0; kx < width; kx++, cell += p->in_c) {
      const vint16m4_t wide = __riscv_vsext_vf2_i16m4(__riscv_vle8_v_i8m2(cell, n), n);
      sum = __riscv_vwadd_wv_i32m8(sum, wide, n);
    }
  }
  vint32m8_t code = __riscv_vsub_vx_i32m8(rounded_quotient(sum, count, n), p->offset, n);
  code = __riscv_vmin_vx_i32m8(__riscv_vmax_vx_i32m8(code, p->minimum, n), p->maximum, n);
  return __riscv_vncvt_x_x_w_i8m2(__riscv_vncvt_x_x_w_i16m4(code, n), n);
}

void itr_average_pool_2d_s8__rvv(const itr_average_pool_2d_s8_params *p, const int8_t *in,
                                 int8_t *out) {
  for (int32_t i = 0; i < p->batch; i++) {
    const int8_t *image = in + i * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, 1, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, 1, p->in_w);
        const int32_t height = rows.last - rows.first;
        const int32_t width = columns.last - columns.first;
        const int8_t *corner =
            image + ((top + rows.first) * p->in_w + left + columns.first) * p->in_c;
        for (size_t n, rest = (size_t)p->in_c; rest > 0; rest -= n, corner += n, out += n) {
          n = __riscv_vsetvl_e32m8(rest);
          __riscv_vse8_v_i8m2(out, average(p, corner, height, width, n), n);
        }
      }
    }
  }
}
