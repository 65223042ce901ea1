// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dequantize.h"

void itr_dequantize_s16_f32__scalar(const itr_dequantize_s16_f32_params *p, const int16_t *in,
                                    float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = p->scale * (float)(in[i] - p->zero);
  }
}
