// SPDX-License-Identifier: Apache-2.0
#include "intarsia/div.h"

#include "intarsia/broadcast.h"

void itr_div_f32__scalar(const itr_div_f32_params *p, const float *a, const float *b, float *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const float *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const float *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const float value = p->inverse ? *y / *x : *x / *y;
      *out++ = value < p->minimum ? p->minimum : value > p->maximum ? p->maximum : value;
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
