// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_f32_s8__scalar(const itr_cast_f32_s8_params *p, const float *in, int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const float x = in[i];
    out[i] = (int8_t)(!(x == x)      ? 0
                      : x <= -128.0f ? INT8_MIN
                      : x >= 127.0f  ? INT8_MAX
                                     : (int32_t)x);
  }
}
