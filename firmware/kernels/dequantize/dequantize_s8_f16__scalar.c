// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dequantize.h"
#include "intarsia/half.h"

void itr_dequantize_s8_f16__scalar(const itr_dequantize_s8_f16_params *p, const int8_t *in,
                                   uint16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = itr_half_narrow(p->scale * (float)(in[i] - p->zero));
  }
}
