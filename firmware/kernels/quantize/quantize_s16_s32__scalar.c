// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_s16_s32__scalar(const itr_quantize_s16_s32_params *p, const int16_t *in,
                                  int32_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int64_t code =
        (int64_t)itr_scale(in[i] - p->in_zero, p->multiplier, p->shift) + p->out_zero;
    out[i] = (int32_t)(code < INT32_MIN ? INT32_MIN : code > INT32_MAX ? INT32_MAX : code);
  }
}
