// SPDX-License-Identifier: Apache-2.0
/* EXP in float32; see intarsia/floatmath.h for its error. `out` may be `in`. */
#ifndef INTARSIA_EXP_H
#define INTARSIA_EXP_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_exp_f32_params;

void itr_exp_f32__scalar(const itr_exp_f32_params *p, const float *in, float *out);

#endif
