// SPDX-License-Identifier: Apache-2.0
/* GELU in float32: x times the share of a normal distribution below x, itr_gelu, or its
 * approximation by a hyperbolic tangent, itr_gelu_tanh. `out` may be `in`. */
#ifndef INTARSIA_GELU_H
#define INTARSIA_GELU_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_gelu_f32_params;

typedef struct {
  int32_t size;
} itr_gelu_tanh_f32_params;

void itr_gelu_f32__scalar(const itr_gelu_f32_params *p, const float *in, float *out);

void itr_gelu_tanh_f32__scalar(const itr_gelu_tanh_f32_params *p, const float *in, float *out);

#endif
