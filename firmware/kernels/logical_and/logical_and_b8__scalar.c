// SPDX-License-Identifier: Apache-2.0
#include "intarsia/logical_and.h"

#include "intarsia/broadcast.h"

void itr_logical_and_b8__scalar(const itr_logical_and_b8_params *p, const bool *a, const bool *b,
                                bool *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const bool *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const bool *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      *out++ = *x && *y;
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
