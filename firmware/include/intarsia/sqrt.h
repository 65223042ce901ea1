// SPDX-License-Identifier: Apache-2.0
/* SQRT in float32, correctly rounded; NaN for negative numbers. `out` may be `in`. */
#ifndef INTARSIA_SQRT_H
#define INTARSIA_SQRT_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_sqrt_f32_params;

void itr_sqrt_f32__scalar(const itr_sqrt_f32_params *p, const float *in, float *out);

#endif
