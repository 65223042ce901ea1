// SPDX-License-Identifier: Apache-2.0
/* DIV: `out = clamp(inverse ? b / a : a / b)`. The second operand may be a constant. Strides of 0
 * repeat an operand along an axis. `out` may be an operand that has as many elements as `out`. */
#ifndef INTARSIA_DIV_H
#define INTARSIA_DIV_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  bool inverse;
  float minimum, maximum;
} itr_div_f32_params;

void itr_div_f32__scalar(const itr_div_f32_params *p, const float *a, const float *b, float *out);

#endif
