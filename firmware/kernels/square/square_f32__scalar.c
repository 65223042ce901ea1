// SPDX-License-Identifier: Apache-2.0
#include "intarsia/square.h"

void itr_square_f32__scalar(const itr_square_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] * in[i];
  }
}
