// SPDX-License-Identifier: Apache-2.0
/* PRELU: `out = x >= 0 ? x : alpha * x`. alpha may be a constant; strides of 0 repeat an operand
 * along an axis (the input a is never repeated). `out` may be `in`.
 *
 * int8: `x = in - in_zero`; out_zero is added to `scale(x)` with the identity multiplier, or to
 * `scale(x * (alpha - alpha_zero))` with the slope multiplier, then clamped to int8. */
#ifndef INTARSIA_PRELU_H
#define INTARSIA_PRELU_H

#include <stdint.h>

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t in_zero, alpha_zero, out_zero;
  int32_t identity_multiplier, identity_shift, slope_multiplier, slope_shift;
} itr_prelu_s8_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
} itr_prelu_f32_params;

void itr_prelu_s8__scalar(const itr_prelu_s8_params *p, const int8_t *in, const int8_t *alpha,
                          int8_t *out);

void itr_prelu_f32__scalar(const itr_prelu_f32_params *p, const float *in, const float *alpha,
                           float *out);

#endif
