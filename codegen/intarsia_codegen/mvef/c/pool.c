// SPDX-License-Identifier: Apache-2.0
#include "intarsia/window.h"
#include "itr_mvef_pool.h"
#include "itr_mvef_real.h"

void ITR_FUNCTION(const void *in, void *out, const itr_mvef_pool *s);

/* Sums are of shares: values times 1 / cells, so that many cells do not overflow. */
static void pixel(const real *corner, real *out, const itr_mvef_pool *s, itr_taps rows,
                  itr_taps columns) {
  const int32_t width = columns.last - columns.first;
  const real share = (real)(1.0f / (float)((rows.last - rows.first) * width));
  for (int32_t c = 0; c < s->in_c; c += LANES) {
    const mve_pred16_t live = first(s->in_c - c);
    reals sum = all(0.0f);
    for (int32_t ky = rows.first; ky < rows.last; ky++) {
      const real *x = corner + (ky * s->in_w + columns.first) * s->in_c + c;
      for (int32_t kx = width; kx > 0; kx--, x += s->in_c) {
        sum = vfmaq(sum, vld1q_z(x, live), share);
      }
    }
    vst1q_p(out + c, clamp(sum, all(s->minimum), all(s->maximum)), live);
  }
}

void ITR_FUNCTION(const void *in, void *out, const itr_mvef_pool *s) {
  const real *image = in;
  real *o = out;
  for (int32_t y = 0; y < s->out_h; y++) {
    const int32_t top = y * s->stride_h - s->pad_top;
    const itr_taps rows = itr_taps_inside(top, s->kernel_h, 1, s->in_h);
    for (int32_t x = 0; x < s->out_w; x++, o += s->in_c) {
      const int32_t left = x * s->stride_w - s->pad_left;
      const itr_taps columns = itr_taps_inside(left, s->kernel_w, 1, s->in_w);
      pixel(image + (top * s->in_w + left) * s->in_c, o, s, rows, columns);
    }
  }
}
