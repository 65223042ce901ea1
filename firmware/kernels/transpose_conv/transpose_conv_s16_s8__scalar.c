// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/transpose_conv.h"

/* Sum over the inputs that reach one output, for one output channel. */
static int64_t window_sum(const itr_transpose_conv_s16_s8_params *p, const int16_t *image,
                          const int8_t *weights, itr_reach rows, itr_reach columns) {
  int64_t sum = 0;
  for (int32_t y = rows.cell, ky = rows.tap; y < p->in_h && ky >= 0; y++, ky -= p->stride_h) {
    for (int32_t column = columns.cell, kx = columns.tap; column < p->in_w && kx >= 0;
         column++, kx -= p->stride_w) {
      const int16_t *x = image + (y * p->in_w + column) * p->in_c;
      const int8_t *w = weights + (ky * p->kernel_w + kx) * p->in_c;
      sum += itr_dot_s16_s8(x, w, p->in_c);
    }
  }
  return sum;
}

void itr_transpose_conv_s16_s8__scalar(const itr_transpose_conv_s16_s8_params *p, const int16_t *in,
                                       const int8_t *weights, const int64_t *bias,
                                       const int32_t *multiplier, const int8_t *shift,
                                       int16_t *out) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
  for (int32_t n = 0; n < p->batch; n++) {
    const int16_t *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const itr_reach rows = itr_first_reach(y + p->pad_top, p->kernel_h, p->stride_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const itr_reach columns = itr_first_reach(x + p->pad_left, p->kernel_w, p->stride_w);
        for (int32_t o = 0; o < p->out_c; o++) {
          const int64_t sum = bias[o] + window_sum(p, image, weights + o * taps, rows, columns);
          const int32_t code = itr_scale_wide(sum, multiplier[o], shift[o]);
          *out++ = (int16_t)itr_clamp(code, p->minimum, p->maximum);
        }
      }
    }
  }
}
