// SPDX-License-Identifier: Apache-2.0
#include "intarsia/fixedpoint.h"
#include "intarsia/half.h"
#include "intarsia/quantize.h"

void itr_quantize_f16_s8__scalar(const itr_quantize_f16_s8_params *p, const uint16_t *in,
                                 int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t steps = itr_round_half_away(itr_half_widen(in[i]) / p->scale);
    out[i] = (int8_t)itr_clamp(steps + p->zero, INT8_MIN, INT8_MAX);
  }
}
