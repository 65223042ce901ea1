// SPDX-License-Identifier: Apache-2.0
#include "intarsia/depthwise_conv_2d.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/window.h"

/* Sum over the taps of one window inside the input, for one output channel of one image. */
static int64_t window_sum(const itr_depthwise_conv_2d_s16_s8_params *p, const int16_t *channel,
                          const int8_t *weights, int32_t top, int32_t left, itr_taps rows,
                          itr_taps columns) {
  const int32_t channels = p->in_c * p->multiplier;
  int64_t sum = 0;
  for (int32_t ky = rows.first; ky < rows.last; ky++) {
    const int32_t cell = (top + ky * p->dilation_h) * p->in_w + left;
    for (int32_t kx = columns.first; kx < columns.last; kx++) {
      sum += (int32_t)channel[(cell + kx * p->dilation_w) * p->in_c] *
             weights[(ky * p->kernel_w + kx) * channels];
    }
  }
  return sum;
}

void itr_depthwise_conv_2d_s16_s8__scalar(const itr_depthwise_conv_2d_s16_s8_params *p,
                                          const int16_t *in, const int8_t *weights,
                                          const int64_t *bias, const int32_t *multiplier,
                                          const int8_t *shift, int16_t *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const int16_t *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, p->dilation_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, p->dilation_w, p->in_w);
        for (int32_t o = 0; o < p->in_c * p->multiplier; o++) {
          const int16_t *channel = image + o / p->multiplier;
          const int64_t sum =
              bias[o] + window_sum(p, channel, weights + o, top, left, rows, columns);
          const int32_t code = itr_scale_wide(sum, multiplier[o], shift[o]);
          *out++ = (int16_t)itr_clamp(code, p->minimum, p->maximum);
        }
      }
    }
  }
}
