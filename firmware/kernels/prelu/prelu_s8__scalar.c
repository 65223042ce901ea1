// SPDX-License-Identifier: Apache-2.0
#include "intarsia/prelu.h"

#include "intarsia/broadcast.h"
#include "intarsia/fixedpoint.h"

void itr_prelu_s8__scalar(const itr_prelu_s8_params *p, const int8_t *in, const int8_t *alpha,
                          int8_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int8_t *x = in + itr_broadcast_start(p->shape, p->a_stride, row);
    const int8_t *slope = alpha + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const int32_t value = *x - p->in_zero;
      const int32_t scaled =
          value >= 0
              ? itr_scale(value, p->identity_multiplier, p->identity_shift)
              : itr_scale(value * (*slope - p->alpha_zero), p->slope_multiplier, p->slope_shift);
      *out++ = (int8_t)itr_clamp(scaled + p->out_zero, INT8_MIN, INT8_MAX);
      x += p->a_stride[3];
      slope += p->b_stride[3];
    }
  }
}
