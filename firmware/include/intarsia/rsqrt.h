// SPDX-License-Identifier: Apache-2.0
/* RSQRT in float32: `out = 1 / sqrt(in)`, both steps correctly rounded. `out` may be `in`. */
#ifndef INTARSIA_RSQRT_H
#define INTARSIA_RSQRT_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_rsqrt_f32_params;

void itr_rsqrt_f32__scalar(const itr_rsqrt_f32_params *p, const float *in, float *out);

#endif
