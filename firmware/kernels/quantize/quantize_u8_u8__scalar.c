// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_u8_u8__scalar(const itr_quantize_u8_u8_params *p, const uint8_t *in,
                                uint8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t code = itr_scale(in[i] - p->in_zero, p->multiplier, p->shift) + p->out_zero;
    out[i] = (uint8_t)itr_clamp(code, 0, UINT8_MAX);
  }
}
