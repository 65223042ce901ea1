// SPDX-License-Identifier: Apache-2.0
/* ROUND in float32: to the nearest integer, ties to even; zeros are positive. `out` may be `in`. */
#ifndef INTARSIA_ROUND_H
#define INTARSIA_ROUND_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_round_f32_params;

void itr_round_f32__scalar(const itr_round_f32_params *p, const float *in, float *out);

#endif
