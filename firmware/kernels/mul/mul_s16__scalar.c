// SPDX-License-Identifier: Apache-2.0
#include "intarsia/mul.h"

#include "intarsia/broadcast.h"
#include "intarsia/fixedpoint.h"

void itr_mul_s16__scalar(const itr_mul_s16_params *p, const int16_t *a, const int16_t *b,
                         int16_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int16_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int16_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const int32_t product = (*x - p->a_zero) * (*y - p->b_zero);
      const int32_t code = itr_scale(product, p->multiplier, p->shift) + p->out_zero;
      *out++ = (int16_t)itr_clamp(code, p->minimum, p->maximum);
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
