// SPDX-License-Identifier: Apache-2.0
#include "intarsia/window.h"
#include "itr_rvvf_windows.h"

void ITR_FUNCTION(const void *in, void *out, const itr_rvvf_windows *s);

/* Taps inside the image, added by row and column. */
static sums window_sum(const real *corner, const itr_rvvf_windows *s, itr_taps rows,
                       itr_taps columns, int32_t channel, size_t n) {
  const int32_t step = s->dilation_w * s->in_c;
  sums sum = zero(n);
  for (int32_t ky = rows.first; ky < rows.last; ky++) {
    const real *x = corner + ky * s->dilation_h * s->in_w * s->in_c + columns.first * step;
#if ITR_AVERAGE
    for (int32_t kx = columns.first; kx < columns.last; kx++, x += step) {
      sum = __riscv_vfadd_vv_f32m8(sum, widened(load(x + channel, n), n), n);
    }
#else
    const real *w = (const real *)s->weights + (ky * s->kernel_w + columns.first) * s->in_c;
    for (int32_t kx = columns.first; kx < columns.last; kx++, x += step, w += s->in_c) {
      sum = multiply_each(sum, load(x + channel, n), load(w + channel, n), n);
    }
#endif
  }
  return sum;
}

static void pixel(const real *corner, real *out, const itr_rvvf_windows *s, itr_taps rows,
                  itr_taps columns) {
  size_t n;
  for (int32_t c = 0; c < s->in_c; c += (int32_t)n) {
    n = __riscv_vsetvl_e32m8((size_t)(s->in_c - c));
    const sums sum = window_sum(corner, s, rows, columns, c, n);
#if ITR_AVERAGE
    const int32_t cells = (rows.last - rows.first) * (columns.last - columns.first);
    const sums result = __riscv_vfdiv_vf_f32m8(sum, (float)cells, n);
#else
    const sums result = __riscv_vfadd_vv_f32m8(sum, __riscv_vle32_v_f32m8(s->bias + c, n), n);
#endif
    store(out + c, result, s->minimum, s->maximum, n);
  }
}

void ITR_FUNCTION(const void *in, void *out, const itr_rvvf_windows *s) {
  const real *image = in;
  real *o = out;
  for (int32_t y = 0; y < s->out_h; y++) {
    const int32_t top = y * s->stride_h - s->pad_top;
    const itr_taps rows = itr_taps_inside(top, s->kernel_h, s->dilation_h, s->in_h);
    for (int32_t x = 0; x < s->out_w; x++, o += s->in_c) {
      const int32_t left = x * s->stride_w - s->pad_left;
      const itr_taps columns = itr_taps_inside(left, s->kernel_w, s->dilation_w, s->in_w);
      pixel(image + (top * s->in_w + left) * s->in_c, o, s, rows, columns);
    }
  }
}
