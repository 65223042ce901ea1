// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_s32_s8__scalar(const itr_quantize_s32_s8_params *p, const int32_t *in,
                                 int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int64_t code = (int64_t)itr_scale(in[i], p->multiplier, p->shift) + p->out_zero;
    out[i] = (int8_t)(code < INT8_MIN ? INT8_MIN : code > INT8_MAX ? INT8_MAX : code);
  }
}
