// SPDX-License-Identifier: Apache-2.0
/* LOGISTIC in float32: `out = 1 / (1 + exp(-in))`; see intarsia/floatmath.h for its error. `out`
 * may be `in`. */
#ifndef INTARSIA_LOGISTIC_H
#define INTARSIA_LOGISTIC_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_logistic_f32_params;

void itr_logistic_f32__scalar(const itr_logistic_f32_params *p, const float *in, float *out);

#endif
