// SPDX-License-Identifier: Apache-2.0
/* TANH in float32; see intarsia/floatmath.h for its error. `out` may be `in`. */
#ifndef INTARSIA_TANH_H
#define INTARSIA_TANH_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_tanh_f32_params;

void itr_tanh_f32__scalar(const itr_tanh_f32_params *p, const float *in, float *out);

#endif
