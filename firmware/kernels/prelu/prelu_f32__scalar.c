// SPDX-License-Identifier: Apache-2.0
#include "intarsia/prelu.h"

#include "intarsia/broadcast.h"

void itr_prelu_f32__scalar(const itr_prelu_f32_params *p, const float *in, const float *alpha,
                           float *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const float *x = in + itr_broadcast_start(p->shape, p->a_stride, row);
    const float *slope = alpha + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      *out++ = *x >= 0.0f ? *x : *x * *slope;
      x += p->a_stride[3];
      slope += p->b_stride[3];
    }
  }
}
