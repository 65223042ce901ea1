// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_s32_f32__scalar(const itr_cast_s32_f32_params *p, const int32_t *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = (float)in[i];
  }
}
