// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_f32_b8__scalar(const itr_cast_f32_b8_params *p, const float *in, bool *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = !(in[i] >= 0.0f && in[i] <= 0.0f);
  }
}
