// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_s32_b8__scalar(const itr_cast_s32_b8_params *p, const int32_t *in, bool *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = in[i] != 0;
  }
}
