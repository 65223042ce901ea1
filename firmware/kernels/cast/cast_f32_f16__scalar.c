// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"
#include "intarsia/half.h"

void itr_cast_f32_f16__scalar(const itr_cast_f32_f16_params *p, const float *in, uint16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = itr_half_narrow(in[i]);
  }
}
