// SPDX-License-Identifier: Apache-2.0
/* RELU, RELU6, RELU_N1_TO_1 in float32: `out = clamp(in, minimum, maximum)`; NaN stays. `out` may
 * be `in`. */
#ifndef INTARSIA_CLAMP_H
#define INTARSIA_CLAMP_H

#include <stdint.h>

typedef struct {
  int32_t size;
  float minimum, maximum;
} itr_clamp_f32_params;

void itr_clamp_f32__scalar(const itr_clamp_f32_params *p, const float *in, float *out);

typedef struct {
  int32_t size;
  int32_t multiplier, shift, minimum, maximum;
} itr_clamp_s16_params;

/* int16: out = clamp(itr_scale(in, multiplier, shift), minimum, maximum). `out` may be `in`. */
void itr_clamp_s16__scalar(const itr_clamp_s16_params *p, const int16_t *in, int16_t *out);

#endif
