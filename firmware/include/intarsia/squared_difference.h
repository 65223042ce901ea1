// SPDX-License-Identifier: Apache-2.0
/* SQUARED_DIFFERENCE: `out = (a - b)^2`. int8 operands, less their zero points, are multiplied by
 * 128 and brought to a common scale first. The second operand may be a constant. Strides of 0
 * repeat an operand along an axis. `out` may be an operand that has as many elements as `out`. */
#ifndef INTARSIA_SQUARED_DIFFERENCE_H
#define INTARSIA_SQUARED_DIFFERENCE_H

#include <stdint.h>

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t a_zero, a_multiplier, a_shift;
  int32_t b_zero, b_multiplier, b_shift;
  int32_t out_zero, out_multiplier, out_shift;
} itr_squared_difference_s8_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
} itr_squared_difference_f32_params;

typedef itr_squared_difference_f32_params itr_squared_difference_s32_params;

void itr_squared_difference_s8__scalar(const itr_squared_difference_s8_params *p, const int8_t *a,
                                       const int8_t *b, int8_t *out);
void itr_squared_difference_f32__scalar(const itr_squared_difference_f32_params *p, const float *a,
                                        const float *b, float *out);

/* Differences and squares wrap modulo 2^32. */
void itr_squared_difference_s32__scalar(const itr_squared_difference_s32_params *p,
                                        const int32_t *a, const int32_t *b, int32_t *out);

#endif
