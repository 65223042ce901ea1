// SPDX-License-Identifier: Apache-2.0
/* SQUARE in float32. `out` may be `in`. */
#ifndef INTARSIA_SQUARE_H
#define INTARSIA_SQUARE_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_square_f32_params;

void itr_square_f32__scalar(const itr_square_f32_params *p, const float *in, float *out);

#endif
