// SPDX-License-Identifier: Apache-2.0
#include "intarsia/gelu.h"

#include "intarsia/floatmath.h"

void itr_gelu_f32__scalar(const itr_gelu_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = itr_gelu(in[i]);
  }
}
