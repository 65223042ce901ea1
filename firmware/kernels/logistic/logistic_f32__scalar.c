// SPDX-License-Identifier: Apache-2.0
#include "intarsia/logistic.h"

#include "intarsia/floatmath.h"

void itr_logistic_f32__scalar(const itr_logistic_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = itr_logistic(in[i]);
  }
}
