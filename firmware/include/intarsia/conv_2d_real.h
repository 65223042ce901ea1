// SPDX-License-Identifier: Apache-2.0
/* The body of conv_2d for real values. A source that includes this defines ITR_HALF (see
 * intarsia/real.h), ITR_PARAMS and ITR_FUNCTION. */
#include "intarsia/conv_2d.h"
#include "intarsia/real.h"
#include "intarsia/window.h"

/* Products added by row, column, channel. Taps that lie side by side in memory are one product. */
static float window_sum(const ITR_PARAMS *p, const itr_real *image, const itr_real *weights,
                        int32_t top, int32_t left, itr_taps rows, itr_taps columns) {
  const int32_t joined = p->dilation_w == 1 ? columns.last - columns.first : 1;
  float sum = 0.0f;
  for (int32_t ky = rows.first; ky < rows.last; ky++) {
    const itr_real *line = image + (top + ky * p->dilation_h) * p->in_w * p->in_c;
    for (int32_t kx = columns.first; kx < columns.last; kx += joined) {
      const itr_real *x = line + (left + kx * p->dilation_w) * p->in_c;
      const itr_real *w = weights + (ky * p->kernel_w + kx) * p->in_c;
      sum = itr_dot_real(sum, x, w, joined * p->in_c);
    }
  }
  return sum;
}

void ITR_FUNCTION(const ITR_PARAMS *p, const itr_real *in, const itr_real *weights,
                  const float *bias, itr_real *out) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
  for (int32_t n = 0; n < p->batch; n++) {
    const itr_real *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, p->dilation_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, p->dilation_w, p->in_w);
        for (int32_t o = 0; o < p->out_c; o++) {
          const float sum =
              window_sum(p, image, weights + o * taps, top, left, rows, columns) + bias[o];
          *out++ = itr_real_put(sum < p->minimum   ? p->minimum
                                : sum > p->maximum ? p->maximum
                                                   : sum);
        }
      }
    }
  }
}
