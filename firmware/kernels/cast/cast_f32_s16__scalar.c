// SPDX-License-Identifier: Apache-2.0
#include "intarsia/cast.h"

void itr_cast_f32_s16__scalar(const itr_cast_f32_s16_params *p, const float *in, int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const float x = in[i];
    out[i] = (int16_t)(!(x == x)        ? 0
                       : x <= -32768.0f ? INT16_MIN
                       : x >= 32767.0f  ? INT16_MAX
                                        : (int32_t)x);
  }
}
