// SPDX-License-Identifier: Apache-2.0
/* The body of average_pool_2d for real values. A source that includes this defines ITR_HALF (see
 * intarsia/real.h), ITR_PARAMS and ITR_FUNCTION. */
#include "intarsia/average_pool_2d.h"
#include "intarsia/real.h"
#include "intarsia/window.h"

static float window_sum(const itr_real *x, int32_t height, int32_t width, int32_t row,
                        int32_t step) {
  float sum = 0;
  for (int32_t ky = 0; ky < height; ky++) {
    for (int32_t kx = 0; kx < width; kx++) {
      sum += itr_real_get(x[ky * row + kx * step]);
    }
  }
  return sum;
}

void ITR_FUNCTION(const ITR_PARAMS *p, const itr_real *in, itr_real *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const itr_real *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, 1, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, 1, p->in_w);
        const int32_t height = rows.last - rows.first;
        const int32_t width = columns.last - columns.first;
        const itr_real *corner =
            image + ((top + rows.first) * p->in_w + left + columns.first) * p->in_c;
        for (int32_t c = 0; c < p->in_c; c++) {
          const float sum = window_sum(corner + c, height, width, p->in_w * p->in_c, p->in_c);
          const float average = sum / (float)(height * width);
          *out++ = itr_real_put(average < p->minimum   ? p->minimum
                                : average > p->maximum ? p->maximum
                                                       : average);
        }
      }
    }
  }
}
