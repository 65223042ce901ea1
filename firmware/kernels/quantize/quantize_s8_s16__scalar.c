// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_s8_s16__scalar(const itr_quantize_s8_s16_params *p, const int8_t *in,
                                 int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t code = itr_scale(in[i] - p->in_zero, p->multiplier, p->shift) + p->out_zero;
    out[i] = (int16_t)itr_clamp(code, INT16_MIN, INT16_MAX);
  }
}
