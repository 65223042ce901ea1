// SPDX-License-Identifier: Apache-2.0
#include "intarsia/average_pool_2d.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/window.h"

/* x / count rounded to nearest, ties away from zero; no window is without cells. */
static int32_t rounded_quotient(int32_t x, int32_t count) {
  return (x > 0 ? x + count / 2 : x - count / 2) / count; // NOLINT(clang-analyzer-core.DivideZero)
}

static int32_t window_sum(const int8_t *x, int32_t height, int32_t width, int32_t row,
                          int32_t step) {
  int32_t sum = 0;
  for (int32_t ky = 0; ky < height; ky++) {
    for (int32_t kx = 0; kx < width; kx++) {
      sum += x[ky * row + kx * step];
    }
  }
  return sum;
}

void itr_average_pool_2d_s8__scalar(const itr_average_pool_2d_s8_params *p, const int8_t *in,
                                    int8_t *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const int8_t *image = in + n * p->in_h * p->in_w * p->in_c;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      const itr_taps rows = itr_taps_inside(top, p->kernel_h, 1, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        const int32_t left = x * p->stride_w - p->pad_left;
        const itr_taps columns = itr_taps_inside(left, p->kernel_w, 1, p->in_w);
        const int32_t height = rows.last - rows.first;
        const int32_t width = columns.last - columns.first;
        const int8_t *corner =
            image + ((top + rows.first) * p->in_w + left + columns.first) * p->in_c;
        for (int32_t c = 0; c < p->in_c; c++) {
          const int32_t sum = window_sum(corner + c, height, width, p->in_w * p->in_c, p->in_c);
          const int32_t average =
              rounded_quotient(sum + p->offset * height * width, height * width);
          *out++ = (int8_t)itr_clamp(average - p->offset, p->minimum, p->maximum);
        }
      }
    }
  }
}
