// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/transpose_conv.h"

/* Sum over the inputs that reach one output, for one output channel. */
static float window_sum(const itr_transpose_conv_f32_params *p, const float *image,
                        const float *weights, itr_reach rows, itr_reach columns) {
  float sum = 0.0f;
  for (int32_t y = rows.cell, ky = rows.tap; y < p->in_h && ky >= 0; y++, ky -= p->stride_h) {
    for (int32_t column = columns.cell, kx = columns.tap; column < p->in_w && kx >= 0;
         column++, kx -= p->stride_w) {
      const float *x = image + (y * p->in_w + column) * p->in_c;
      const float *w = weights + (ky * p->kernel_w + kx) * p->in_c;
      sum = itr_dot_f32(sum, x, w, p->in_c);
    }
  }
  return sum;
}

void itr_transpose_conv_f32__scalar(const itr_transpose_conv_f32_params *p, const float *in,
                                    const float *weights, const float *bias, float *out) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
  for (int32_t n = 0; n < p->batch; n++) {
    const float *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const itr_reach rows = itr_first_reach(y + p->pad_top, p->kernel_h, p->stride_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const itr_reach columns = itr_first_reach(x + p->pad_left, p->kernel_w, p->stride_w);
        for (int32_t o = 0; o < p->out_c; o++) {
          const float sum = window_sum(p, image, weights + o * taps, rows, columns) + bias[o];
          *out++ = sum < p->minimum ? p->minimum : sum > p->maximum ? p->maximum : sum;
        }
      }
    }
  }
}
