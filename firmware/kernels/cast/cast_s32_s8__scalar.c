// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_s32_s8__scalar(const itr_cast_s32_s8_params *p, const int32_t *in, int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = (int8_t)(uint8_t)in[i];
  }
}
