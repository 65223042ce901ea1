// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_f32_s32__scalar(const itr_cast_f32_s32_params *p, const float *in, int32_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const float x = in[i];
    out[i] = !(x == x)             ? 0
             : x <= -2147483648.0f ? INT32_MIN
             : x >= 2147483648.0f  ? INT32_MAX
                                   : (int32_t)x;
  }
}
