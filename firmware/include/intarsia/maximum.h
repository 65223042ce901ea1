// SPDX-License-Identifier: Apache-2.0
/* MAXIMUM: `out = a > b ? a : b`, codes compared as they are. The second operand may be a constant.
 * Strides of 0 repeat an operand along an axis. `out` may be an operand that has as many elements
 * as `out`. */
#ifndef INTARSIA_MAXIMUM_H
#define INTARSIA_MAXIMUM_H

#include <stdint.h>

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
} itr_maximum_s8_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
} itr_maximum_f32_params;

void itr_maximum_s8__scalar(const itr_maximum_s8_params *p, const int8_t *a, const int8_t *b,
                            int8_t *out);

void itr_maximum_f32__scalar(const itr_maximum_f32_params *p, const float *a, const float *b,
                             float *out);

typedef itr_maximum_s8_params itr_maximum_s16_params;

void itr_maximum_s16__scalar(const itr_maximum_s16_params *p, const int16_t *a, const int16_t *b,
                             int16_t *out);

#endif
