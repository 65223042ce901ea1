// SPDX-License-Identifier: Apache-2.0
#include "intarsia/elu.h"

#include "intarsia/floatmath.h"

void itr_elu_f32__scalar(const itr_elu_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] < 0.0f ? itr_exp(in[i]) - 1.0f : in[i];
  }
}
