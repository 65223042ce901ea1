// SPDX-License-Identifier: Apache-2.0
/* AVERAGE_POOL_2D over NHWC feature maps; the window of out[n][y][x] starts at input
 * (y * stride_h - pad_top, x * stride_w - pad_left).
 *
 * The average over the cells of the window that lie inside the input. int8: with n cells, the sum
 * of (in + offset) over n, rounded to nearest, ties away from zero, less offset; then clamped.
 * float32: cells added by row, then column. `out` may not overlap `in`. */
#ifndef INTARSIA_AVERAGE_POOL_2D_H
#define INTARSIA_AVERAGE_POOL_2D_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w;
  int32_t minimum, maximum, offset;
} itr_average_pool_2d_s8_params;

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w;
  int32_t in_bits, out_bits, offset;
} itr_average_pool_2d_packed_params;

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w;
  float minimum, maximum;
} itr_average_pool_2d_f32_params;

typedef itr_average_pool_2d_f32_params itr_average_pool_2d_f16_params;

void itr_average_pool_2d_s8__scalar(const itr_average_pool_2d_s8_params *p, const int8_t *in,
                                    int8_t *out);
void itr_average_pool_2d_s8__rvv(const itr_average_pool_2d_s8_params *p, const int8_t *in,
                                 int8_t *out);

/* Feature maps of in_bits and out_bits, each 8, 4 or 2 (intarsia/packed.h). `table` has the output
 * code for every code of the average, by its lowest in_bits bits: clamped and, where the output has
 * another scale or width, requantized. */
void itr_average_pool_2d_packed__scalar(const itr_average_pool_2d_packed_params *p, const void *in,
                                        const int8_t *table, void *out);

void itr_average_pool_2d_f32__scalar(const itr_average_pool_2d_f32_params *p, const float *in,
                                     float *out);
void itr_average_pool_2d_f32__xf16(const itr_average_pool_2d_f32_params *p, const float *in,
                                   float *out);

/* The same for half precision in memory: sums in float, the result rounded to nearest even. */
void itr_average_pool_2d_f16__scalar(const itr_average_pool_2d_f16_params *p, const uint16_t *in,
                                     uint16_t *out);
void itr_average_pool_2d_f16__xf16(const itr_average_pool_2d_f16_params *p, const uint16_t *in,
                                   uint16_t *out);

typedef itr_average_pool_2d_s8_params itr_average_pool_2d_s16_params;

void itr_average_pool_2d_s16__scalar(const itr_average_pool_2d_s16_params *p, const int16_t *in,
                                     int16_t *out);

#endif
