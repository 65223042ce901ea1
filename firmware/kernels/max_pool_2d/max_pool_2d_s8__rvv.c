// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/max_pool_2d.h"
#include "intarsia/window.h"

/* `n` channels of a window of `height` by `width` cells from `x` on. */
static vint8m8_t largest(const itr_max_pool_2d_s8_params *p, const int8_t *x, int32_t height,
                         int32_t width, size_t n) {
  vint8m8_t best = __riscv_vmv_v_x_i8m8((int8_t)p->minimum, n);
  for (int32_t ky = 0; ky < height; ky++, x += p->in_w * p->in_c) {
    const int8_t *cell = x;
    for (int32_t kx = 0; kx < width; kx++, cell += p->in_c) {
      best = __riscv_vmax_vv_i8m8(best, __riscv_vle8_v_i8m8(cell, n), n);
    }
  }
  return __riscv_vmin_vx_i8m8(best, (int8_t)p->maximum, n);
}

void itr_max_pool_2d_s8__rvv(const itr_max_pool_2d_s8_params *p, const int8_t *in, int8_t *out) {
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
          n = __riscv_vsetvl_e8m8(rest);
          __riscv_vse8_v_i8m8(out, largest(p, corner, height, width, n), n);
        }
      }
    }
  }
}
