// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_b8_s32__scalar(const itr_cast_b8_s32_params *p, const bool *in, int32_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] ? 1 : 0;
  }
}
