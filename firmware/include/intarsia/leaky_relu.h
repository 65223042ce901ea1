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

typedef struct {
  int32_t size;
  int32_t multiplier, shift, below_shift, below_multiplier, below_sign;
} itr_leaky_relu_s16_params;

/* int16: out = clamp(itr_scale(in)) with one factor for in >= 0 and another below, whose results
 * are times below_sign. `out` may be `in`. */
void itr_leaky_relu_s16__scalar(const itr_leaky_relu_s16_params *p, const int16_t *in,
                                int16_t *out);

#endif
