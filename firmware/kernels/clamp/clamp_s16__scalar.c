// SPDX-License-Identifier: Apache-2.0
#include "intarsia/clamp.h"
#include "intarsia/fixedpoint.h"

void itr_clamp_s16__scalar(const itr_clamp_s16_params *p, const int16_t *in, int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t code = itr_scale(in[i], p->multiplier, p->shift);
    out[i] = (int16_t)itr_clamp(code, p->minimum, p->maximum);
  }
}
