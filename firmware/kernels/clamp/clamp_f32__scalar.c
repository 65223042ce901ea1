// SPDX-License-Identifier: Apache-2.0
#include "intarsia/clamp.h"

void itr_clamp_f32__scalar(const itr_clamp_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const float value = in[i];
    out[i] = value < p->minimum ? p->minimum : value > p->maximum ? p->maximum : value;
  }
}
