// SPDX-License-Identifier: Apache-2.0
/* DEPTHWISE_CONV_2D over NHWC feature maps, weights [kernel_h][kernel_w][in_c * multiplier].
 *
 * Output channel c * multiplier + m is made from input channel c; the window of out[n][y][x] starts
 * at input (y * stride_h - pad_top, x * stride_w - pad_left); cells outside the input add nothing.
 */
#ifndef INTARSIA_DEPTHWISE_CONV_2D_H
#define INTARSIA_DEPTHWISE_CONV_2D_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, multiplier;
  int32_t in_zero, weights_zero, out_zero, minimum, maximum;
} itr_depthwise_conv_2d_s8_s8_params;

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, multiplier;
  int32_t in_zero, weights_zero, out_zero, minimum, maximum;
  int32_t in_bits, weights_bits, out_bits;
} itr_depthwise_conv_2d_packed_params;

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, multiplier;
  float minimum, maximum;
} itr_depthwise_conv_2d_f32_params;

typedef itr_depthwise_conv_2d_f32_params itr_depthwise_conv_2d_f16_params;

/* out = clamp(itr_scale(bias[o] + sum (in - in_zero) * (weights - weights_zero), multiplier[o],
 * shift[o]) + out_zero). With scratch (((kernel_h - 1) * dilation_h + 1) * in_w * in_c bytes; only
 * for multiplier 1) `out` may be `in`: the rows that are still needed are kept there. Without it
 * (NULL) they may not overlap. */
void itr_depthwise_conv_2d_s8_s8__scalar(const itr_depthwise_conv_2d_s8_s8_params *p,
                                         const int8_t *in, const int8_t *weights,
                                         const int32_t *bias, const int32_t *multiplier,
                                         const int8_t *shift, int8_t *out, void *scratch);

/* The same for feature maps of in_bits and out_bits and weights of weights_bits, each 8, 4 or 2
 * (intarsia/packed.h). Scratch as above, for rows of packed pixels; then `out` may be `in` if its
 * pixels take no more bytes than those of the input. */
void itr_depthwise_conv_2d_packed__scalar(const itr_depthwise_conv_2d_packed_params *p,
                                          const void *in, const uint8_t *weights,
                                          const int32_t *bias, const int32_t *multiplier,
                                          const int8_t *shift, void *out, void *scratch);

/* out = clamp(sum in * weights + bias[o]), products added by kernel row, then column, bias last.
 * `out` may not overlap `in`. */
void itr_depthwise_conv_2d_f32__scalar(const itr_depthwise_conv_2d_f32_params *p, const float *in,
                                       const float *weights, const float *bias, float *out);

/* The same for half precision in memory: sums in float, the result rounded to nearest even. */
void itr_depthwise_conv_2d_f16__scalar(const itr_depthwise_conv_2d_f16_params *p,
                                       const uint16_t *in, const uint16_t *weights,
                                       const float *bias, uint16_t *out);

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, multiplier;
  int32_t minimum, maximum;
} itr_depthwise_conv_2d_s16_s8_params;

/* 16x8: out = clamp(itr_scale_wide(bias[o] + sum in * weights, multiplier[o], shift[o])), all zero
 * points 0. `out` may not overlap `in`. */
void itr_depthwise_conv_2d_s16_s8__scalar(const itr_depthwise_conv_2d_s16_s8_params *p,
                                          const int16_t *in, const int8_t *weights,
                                          const int64_t *bias, const int32_t *multiplier,
                                          const int8_t *shift, int16_t *out);

#endif
