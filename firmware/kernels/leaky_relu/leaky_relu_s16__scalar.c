// SPDX-License-Identifier: Apache-2.0
#include "intarsia/fixedpoint.h"
#include "intarsia/leaky_relu.h"

void itr_leaky_relu_s16__scalar(const itr_leaky_relu_s16_params *p, const int16_t *in,
                                int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t code =
        in[i] >= 0 ? itr_scale(in[i], p->multiplier, p->shift)
                   : p->below_sign * itr_scale(in[i], p->below_multiplier, p->below_shift);
    out[i] = (int16_t)itr_clamp(code, INT16_MIN, INT16_MAX);
  }
}
