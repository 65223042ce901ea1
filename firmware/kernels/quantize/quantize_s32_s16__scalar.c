// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_s32_s16__scalar(const itr_quantize_s32_s16_params *p, const int32_t *in,
                                  int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int64_t code = (int64_t)itr_scale(in[i], p->multiplier, p->shift) + p->out_zero;
    out[i] = (int16_t)(code < INT16_MIN ? INT16_MIN : code > INT16_MAX ? INT16_MAX : code);
  }
}
