// SPDX-License-Identifier: Apache-2.0
#include "intarsia/hard_swish.h"

void itr_hard_swish_f32__scalar(const itr_hard_swish_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const float shifted = in[i] + 3.0f;
    const float gate = shifted < 0.0f ? 0.0f : shifted > 6.0f ? 6.0f : shifted;
    out[i] = in[i] * gate / 6.0f;
  }
}
