// SPDX-License-Identifier: Apache-2.0
#include "intarsia/squared_difference.h"

#include "intarsia/broadcast.h"

void itr_squared_difference_s32__scalar(const itr_squared_difference_s32_params *p,
                                        const int32_t *a, const int32_t *b, int32_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int32_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int32_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const uint32_t difference = (uint32_t)*x - (uint32_t)*y;
      *out++ = (int32_t)(difference * difference);
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
