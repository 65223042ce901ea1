// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dequantize.h"

#include "intarsia/half.h"

void itr_dequantize_f16_f32__scalar(const itr_dequantize_f16_f32_params *p, const uint16_t *in,
                                    float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = itr_half_widen(in[i]);
  }
}
