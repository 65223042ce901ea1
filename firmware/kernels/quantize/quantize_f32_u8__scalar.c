// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_f32_u8__scalar(const itr_quantize_f32_u8_params *p, const float *in,
                                 uint8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = (uint8_t)itr_clamp(itr_round_half_away(in[i] / p->scale) + p->zero, 0, UINT8_MAX);
  }
}
