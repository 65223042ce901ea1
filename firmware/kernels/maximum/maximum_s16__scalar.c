// SPDX-License-Identifier: Apache-2.0
#include "intarsia/maximum.h"

#include "intarsia/broadcast.h"

void itr_maximum_s16__scalar(const itr_maximum_s16_params *p, const int16_t *a, const int16_t *b,
                             int16_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int16_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int16_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      *out++ = *x > *y ? *x : *y;
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
