// SPDX-License-Identifier: Apache-2.0
/* ELU in float32: x, below 0 exp(x) - 1, which is at most 2^-23 from the exact value. `out` may be
 * `in`. */
#ifndef INTARSIA_ELU_H
#define INTARSIA_ELU_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_elu_f32_params;

void itr_elu_f32__scalar(const itr_elu_f32_params *p, const float *in, float *out);

#endif
