// SPDX-License-Identifier: Apache-2.0
/* NEG in float32. `out` may be `in`. */
#ifndef INTARSIA_NEG_H
#define INTARSIA_NEG_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_neg_f32_params;

void itr_neg_f32__scalar(const itr_neg_f32_params *p, const float *in, float *out);

#endif
