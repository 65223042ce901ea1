// SPDX-License-Identifier: Apache-2.0
#include "intarsia/quantize.h"

#include "intarsia/fixedpoint.h"

void itr_quantize_f32_s16__scalar(const itr_quantize_f32_s16_params *p, const float *in,
                                  int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] =
        (int16_t)itr_clamp(itr_round_half_away(in[i] / p->scale) + p->zero, INT16_MIN, INT16_MAX);
  }
}
