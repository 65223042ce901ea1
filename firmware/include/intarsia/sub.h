// SPDX-License-Identifier: Apache-2.0
/* SUB: `out = clamp(sign * (a - b))`. The second operand may be a constant; `sign` is -1 when the
 * operands are given in the other order. int8 arithmetic is that of ADD (intarsia/add.h) with a
 * difference in place of the sum. Strides of 0 repeat an operand along an axis. `out` may be an
 * operand that has as many elements as `out`. */
#ifndef INTARSIA_SUB_H
#define INTARSIA_SUB_H

#include <stdint.h>

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t sign;
  int32_t a_zero, a_multiplier, a_shift;
  int32_t b_zero, b_multiplier, b_shift;
  int32_t out_zero, out_multiplier, out_shift;
  int32_t minimum, maximum;
} itr_sub_s8_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  float sign;
  float minimum, maximum;
} itr_sub_f32_params;

void itr_sub_s8__scalar(const itr_sub_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out);

void itr_sub_f32__scalar(const itr_sub_f32_params *p, const float *a, const float *b, float *out);

typedef itr_sub_s8_params itr_sub_s16_params;

/* The arithmetic of int8 with 15 more bits. */
void itr_sub_s16__scalar(const itr_sub_s16_params *p, const int16_t *a, const int16_t *b,
                         int16_t *out);

#endif
