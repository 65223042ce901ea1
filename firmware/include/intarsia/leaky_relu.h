// SPDX-License-Identifier: Apache-2.0
/* LEAKY_RELU in float32: `out = in > 0 ? in : in * alpha`. `out` may be `in`. */
#ifndef INTARSIA_LEAKY_RELU_H
#define INTARSIA_LEAKY_RELU_H

#include <stdint.h>

typedef struct {
  int32_t size;
  float alpha;
} itr_leaky_relu_f32_params;

void itr_leaky_relu_f32__scalar(const itr_leaky_relu_f32_params *p, const float *in, float *out);

#endif
