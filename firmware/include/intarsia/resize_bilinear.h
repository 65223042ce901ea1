// SPDX-License-Identifier: Apache-2.0
/* RESIZE_BILINEAR over NHWC feature maps.
 *
 * Output row y mixes the input rows row_index[2 * y] and row_index[2 * y + 1] by row_weight[2 * y]
 * and row_weight[2 * y + 1]; columns likewise. The four products are added in the order upper left,
 * lower left, upper right, lower right, each as pixel * row weight * column weight. `out` may not
 * overlap `in`. */
#ifndef INTARSIA_RESIZE_BILINEAR_H
#define INTARSIA_RESIZE_BILINEAR_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, channels, out_h, out_w;
} itr_resize_bilinear_params;

typedef itr_resize_bilinear_params itr_resize_bilinear_s8_params;
typedef itr_resize_bilinear_params itr_resize_bilinear_u8_params;
typedef itr_resize_bilinear_params itr_resize_bilinear_f32_params;

/* The four weights of one output pixel belong to these input pixels. */
typedef struct {
  int32_t upper_left, lower_left, upper_right,
      lower_right; /* index of channel 0 within one image */
} itr_bilinear_corners;

static inline itr_bilinear_corners itr_bilinear_corners_of(const itr_resize_bilinear_params *p,
                                                           const int16_t *rows,
                                                           const int16_t *columns) {
  const int32_t upper = rows[0] * p->in_w;
  const int32_t lower = rows[1] * p->in_w;
  itr_bilinear_corners corners = {
      (upper + columns[0]) * p->channels,
      (lower + columns[0]) * p->channels,
      (upper + columns[1]) * p->channels,
      (lower + columns[1]) * p->channels,
  };
  return corners;
}

/* int8 with weights of 10 fraction bits; the sum is rounded half away from zero. */
void itr_resize_bilinear_s8__scalar(const itr_resize_bilinear_s8_params *p, const int8_t *in,
                                    const int16_t *row_index, const int16_t *row_weight,
                                    const int16_t *column_index, const int16_t *column_weight,
                                    int8_t *out);

/* int8 codes that were uint8: code + 128 is interpolated in float32, and 0.5 added before
 * truncation. */
void itr_resize_bilinear_u8__scalar(const itr_resize_bilinear_u8_params *p, const int8_t *in,
                                    const int16_t *row_index, const float *row_weight,
                                    const int16_t *column_index, const float *column_weight,
                                    int8_t *out);

void itr_resize_bilinear_f32__scalar(const itr_resize_bilinear_f32_params *p, const float *in,
                                     const int16_t *row_index, const float *row_weight,
                                     const int16_t *column_index, const float *column_weight,
                                     float *out);

#endif
