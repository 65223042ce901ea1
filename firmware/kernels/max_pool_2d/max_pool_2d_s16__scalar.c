// SPDX-License-Identifier: Apache-2.0
#include "intarsia/fixedpoint.h"
#include "intarsia/max_pool_2d.h"
#include "intarsia/window.h"

static int16_t window_max(const int16_t *x, int32_t height, int32_t width, int32_t row,
                          int32_t step) {
  int16_t largest = *x;
  for (int32_t ky = 0; ky < height; ky++) {
    for (int32_t kx = 0; kx < width; kx++) {
      const int16_t value = x[ky * row + kx * step];
      largest = value > largest ? value : largest;
    }
  }
  return largest;
}

void itr_max_pool_2d_s16__scalar(const itr_max_pool_2d_s16_params *p, const int16_t *in,
                                 int16_t *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const int16_t *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, 1, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, 1, p->in_w);
        const int32_t height = rows.last - rows.first;
        const int32_t width = columns.last - columns.first;
        const int16_t *corner =
            image + ((top + rows.first) * p->in_w + left + columns.first) * p->in_c;
        for (int32_t c = 0; c < p->in_c; c++) {
          const int16_t largest = window_max(corner + c, height, width, p->in_w * p->in_c, p->in_c);
          *out++ = (int16_t)itr_clamp(largest, p->minimum, p->maximum);
        }
      }
    }
  }
}
