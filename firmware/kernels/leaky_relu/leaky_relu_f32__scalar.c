// SPDX-License-Identifier: Apache-2.0
#include "intarsia/leaky_relu.h"

void itr_leaky_relu_f32__scalar(const itr_leaky_relu_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] > 0.0f ? in[i] : in[i] * p->alpha;
  }
}
