// SPDX-License-Identifier: Apache-2.0
/* TRANSPOSE_CONV over NHWC feature maps, weights [out_c][kernel_h][kernel_w][in_c].
 *
 * Input (y, x) times weights (ky, kx) adds to output (y * stride_h - pad_top + ky, x * stride_w -
 * pad_left + kx), where that exists. `out` may not overlap `in`. */
#ifndef INTARSIA_TRANSPOSE_CONV_H
#define INTARSIA_TRANSPOSE_CONV_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w, out_c;
  int32_t in_zero, weights_zero, out_zero, minimum, maximum;
} itr_transpose_conv_s8_s8_params;

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w, out_c;
  float minimum, maximum;
} itr_transpose_conv_f32_params;

/* out = clamp(itr_scale(bias[o] + sum (in - in_zero) * (weights - weights_zero), multiplier[o],
 * shift[o]) + out_zero). */
void itr_transpose_conv_s8_s8__scalar(const itr_transpose_conv_s8_s8_params *p, const int8_t *in,
                                      const int8_t *weights, const int32_t *bias,
                                      const int32_t *multiplier, const int8_t *shift, int8_t *out);

/* out = clamp(sum in * weights + bias[o]), products added by input row, column, channel in this
 * order, bias last. */
void itr_transpose_conv_f32__scalar(const itr_transpose_conv_f32_params *p, const float *in,
                                    const float *weights, const float *bias, float *out);

/* The inputs along one axis that reach one output: `cell` is the first, at tap `tap`; each next
 * cell is `stride` taps lower. There is none when tap < 0 or cell lies beyond the input. */
typedef struct {
  int32_t cell, tap;
} itr_reach;

/* `position` is the output's index plus the leading padding. */
static inline itr_reach itr_first_reach(int32_t position, int32_t kernel, int32_t stride) {
  const int32_t beyond = position - (kernel - 1);
  const int32_t cell = beyond > 0 ? (beyond + stride - 1) / stride : 0;
  const itr_reach reach = {cell, position - cell * stride};
  return reach;
}

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w, out_c;
  int32_t minimum, maximum;
} itr_transpose_conv_s16_s8_params;

/* 16x8: out = clamp(itr_scale_wide(bias[o] + sum in * weights, multiplier[o], shift[o])), all zero
 * points 0. `out` may not overlap `in`. */
void itr_transpose_conv_s16_s8__scalar(const itr_transpose_conv_s16_s8_params *p, const int16_t *in,
                                       const int8_t *weights, const int64_t *bias,
                                       const int32_t *multiplier, const int8_t *shift,
                                       int16_t *out);

#endif
