// SPDX-License-Identifier: Apache-2.0
#include "intarsia/window.h"
#include "itr_mvef_depthwise.h"
#include "itr_mvef_real.h"

void ITR_FUNCTION(const void *in, void *out, const itr_mvef_depthwise *s);

/* Taps inside the image, added by row and column; `w` are the weights of the first tap of all. */
static reals window_sum(const real *corner, const real *w, const itr_mvef_depthwise *s,
                        itr_taps rows, itr_taps columns, mve_pred16_t live) {
  const int32_t step = s->dilation_w * s->channels;
  reals sum = vld1q(w);
  w += LANES;
  for (int32_t ky = rows.first; ky < rows.last; ky++) {
    const real *x = corner + ky * s->dilation_h * s->in_w * s->channels + columns.first * step;
    const real *v = w + (ky * s->kernel_w + columns.first) * LANES;
    for (int32_t kx = columns.last - columns.first; kx > 0; kx--, x += step, v += LANES) {
      sum = vfmaq(sum, vld1q_z(x, live), vld1q(v));
    }
  }
  return sum;
}

static void pixel(const real *corner, real *out, const itr_mvef_depthwise *s, itr_taps rows,
                  itr_taps columns) {
  const reals minimum = all(s->minimum);
  const reals maximum = all(s->maximum);
  const real *w = s->weights;
  for (int32_t c = 0; c < s->channels; c += LANES) {
    const mve_pred16_t live = first(s->channels - c);
    const reals sum = window_sum(corner + c, w, s, rows, columns, live);
    vst1q_p(out + c, clamp(sum, minimum, maximum), live);
    w += (s->kernel_h * s->kernel_w + 1) * LANES;
  }
}

void ITR_FUNCTION(const void *in, void *out, const itr_mvef_depthwise *s) {
  const real *image = in;
  real *o = out;
  for (int32_t y = 0; y < s->out_h; y++) {
    const int32_t top = y * s->stride_h - s->pad_top;
    const itr_taps rows = itr_taps_inside(top, s->kernel_h, s->dilation_h, s->in_h);
    for (int32_t x = 0; x < s->out_w; x++, o += s->channels) {
      const int32_t left = x * s->stride_w - s->pad_left;
      const itr_taps columns = itr_taps_inside(left, s->kernel_w, s->dilation_w, s->in_w);
      pixel(image + (top * s->in_w + left) * s->channels, o, s, rows, columns);
    }
  }
}
