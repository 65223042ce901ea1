// SPDX-License-Identifier: Apache-2.0
#include "intarsia/resize_bilinear.h"

static float mix(const float *pixel, itr_bilinear_corners at, const float *row,
                 const float *column) {
  float sum = pixel[at.upper_left] * row[0] * column[0];
  sum += pixel[at.lower_left] * row[1] * column[0];
  sum += pixel[at.upper_right] * row[0] * column[1];
  sum += pixel[at.lower_right] * row[1] * column[1];
  return sum;
}

void itr_resize_bilinear_f32__scalar(const itr_resize_bilinear_f32_params *p, const float *in,
                                     const int16_t *row_index, const float *row_weight,
                                     const int16_t *column_index, const float *column_weight,
                                     float *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const float *image = in + n * p->in_h * p->in_w * p->channels;
    for (int32_t y = 0; y < p->out_h; y++) {
      for (int32_t x = 0; x < p->out_w; x++) {
        const itr_bilinear_corners at =
            itr_bilinear_corners_of(p, row_index + 2 * y, column_index + 2 * x);
        for (int32_t c = 0; c < p->channels; c++) {
          *out++ = mix(image + c, at, row_weight + 2 * y, column_weight + 2 * x);
        }
      }
    }
  }
}
