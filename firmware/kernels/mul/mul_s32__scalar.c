// SPDX-License-Identifier: Apache-2.0
#include "intarsia/mul.h"

#include "intarsia/broadcast.h"
#include "intarsia/fixedpoint.h"

void itr_mul_s32__scalar(const itr_mul_s32_params *p, const int32_t *a, const int32_t *b,
                         int32_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int32_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int32_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const int32_t value = (int32_t)((uint32_t)*x * (uint32_t)*y);
      *out++ = itr_clamp(value, p->minimum, p->maximum);
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
