// SPDX-License-Identifier: Apache-2.0
/* ABS in float32. `out` may be `in`. */
#ifndef INTARSIA_ABS_H
#define INTARSIA_ABS_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_abs_f32_params;

void itr_abs_f32__scalar(const itr_abs_f32_params *p, const float *in, float *out);

#endif
