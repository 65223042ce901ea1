// SPDX-License-Identifier: Apache-2.0
/* HARD_SWISH in float32: `out = in * clamp(in + 3, 0, 6) / 6`. `out` may be `in`. */
#ifndef INTARSIA_HARD_SWISH_H
#define INTARSIA_HARD_SWISH_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_hard_swish_f32_params;

void itr_hard_swish_f32__scalar(const itr_hard_swish_f32_params *p, const float *in, float *out);

#endif
