// SPDX-License-Identifier: Apache-2.0
#include "intarsia/resize_bilinear.h"

/* Weights lie in [-2^9, 2^10 + 2^9] and two of an axis add up to 2^10: no partial sum exceeds 2^29.
 */
static int8_t mix(const int8_t *pixel, itr_bilinear_corners at, const int16_t *row,
                  const int16_t *column) {
  int32_t sum = pixel[at.upper_left] * row[0] * column[0];
  sum += pixel[at.lower_left] * row[1] * column[0];
  sum += pixel[at.upper_right] * row[0] * column[1];
  sum += pixel[at.lower_right] * row[1] * column[1];
  const int32_t half = sum > 0 ? 1 << 19 : -(1 << 19);
  return (int8_t)((sum + half) / (1 << 20));
}

void itr_resize_bilinear_s8__scalar(const itr_resize_bilinear_s8_params *p, const int8_t *in,
                                    const int16_t *row_index, const int16_t *row_weight,
                                    const int16_t *column_index, const int16_t *column_weight,
                                    int8_t *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    const int8_t *image = in + n * p->in_h * p->in_w * p->channels;
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
