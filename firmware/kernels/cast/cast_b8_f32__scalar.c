// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_b8_f32__scalar(const itr_cast_b8_f32_params *p, const bool *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] ? 1.0f : 0.0f;
  }
}
