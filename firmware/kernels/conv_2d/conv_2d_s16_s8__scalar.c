// SPDX-License-Identifier: Apache-2.0
#include "intarsia/conv_2d.h"
#include "intarsia/dot.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/window.h"

/* Sum over the taps of one window inside the input, for one output channel. */
static int64_t window_sum(const itr_conv_2d_s16_s8_params *p, const int16_t *image,
                          const int8_t *weights, int32_t top, int32_t left, itr_taps rows,
                          itr_taps columns) {
  int64_t sum = 0;
  for (int32_t ky = rows.first; ky < rows.last; ky++) {
    const int16_t *line = image + (top + ky * p->dilation_h) * p->in_w * p->in_c;
    for (int32_t kx = columns.first; kx < columns.last; kx++) {
      const int16_t *x = line + (left + kx * p->dilation_w) * p->in_c;
      sum += itr_dot_s16_s8(x, weights + (ky * p->kernel_w + kx) * p->in_c, p->in_c);
    }
  }
  return sum;
}

void itr_conv_2d_s16_s8__scalar(const itr_conv_2d_s16_s8_params *p, const int16_t *in,
                                const int8_t *weights, const int64_t *bias,
                                const int32_t *multiplier, const int8_t *shift, int16_t *out) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
  for (int32_t n = 0; n < p->batch; n++) {
    const int16_t *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, p->dilation_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, p->dilation_w, p->in_w);
        for (int32_t o = 0; o < p->out_c; o++) {
          const int64_t sum =
              bias[o] + window_sum(p, image, weights + o * taps, top, left, rows, columns);
          const int32_t code = itr_scale_wide(sum, multiplier[o], shift[o]);
          *out++ = (int16_t)itr_clamp(code, p->minimum, p->maximum);
        }
      }
    }
  }
}
