// SPDX-License-Identifier: Apache-2.0
/* The body of depthwise_conv_2d for real values. A source that includes this defines ITR_HALF (see
 * intarsia/real.h), ITR_PARAMS and ITR_FUNCTION. */
#include "intarsia/depthwise_conv_2d.h"
#include "intarsia/real.h"
#include "intarsia/window.h"

/* Sum over the taps of one window inside the input, for one output channel of one image. */
static float window_sum(const ITR_PARAMS *p, const itr_real *channel, const itr_real *weights,
                        int32_t top, int32_t left, itr_taps rows, itr_taps columns) {
  const int32_t channels = p->in_c * p->multiplier;
  float sum = 0.0f;
  for (int32_t ky = rows.first; ky < rows.last; ky++) {
    const int32_t cell = (top + ky * p->dilation_h) * p->in_w + left;
    for (int32_t kx = columns.first; kx < columns.last; kx++) {
      sum += itr_real_get(channel[(cell + kx * p->dilation_w) * p->in_c]) *
             itr_real_get(weights[(ky * p->kernel_w + kx) * channels]);
    }
  }
  return sum;
}

void ITR_FUNCTION(const ITR_PARAMS *p, const itr_real *in, const itr_real *weights,
                  const float *bias, itr_real *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const itr_real *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, p->dilation_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, p->dilation_w, p->in_w);
        int32_t o = 0;
        for (int32_t c = 0; c < p->in_c; c++) {
          for (int32_t m = 0; m < p->multiplier; m++, o++) {
            const float sum =
                window_sum(p, image + c, weights + o, top, left, rows, columns) + bias[o];
            *out++ = itr_real_put(sum < p->minimum   ? p->minimum
                                  : sum > p->maximum ? p->maximum
                                                     : sum);
          }
        }
      }
    }
  }
}
