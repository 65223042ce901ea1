// SPDX-License-Identifier: Apache-2.0
#include "intarsia/abs.h"

void itr_abs_f32__scalar(const itr_abs_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] < 0.0f ? -in[i] : in[i];
  }
}
