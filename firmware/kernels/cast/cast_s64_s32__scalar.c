// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_s64_s32__scalar(const itr_cast_s64_s32_params *p, const int64_t *in, int32_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = (int32_t)(uint32_t)in[i];
  }
}
