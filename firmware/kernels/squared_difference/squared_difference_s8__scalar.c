// SPDX-License-Identifier: Apache-2.0
#include "intarsia/squared_difference.h"

#include "intarsia/broadcast.h"
#include "intarsia/fixedpoint.h"

void itr_squared_difference_s8__scalar(const itr_squared_difference_s8_params *p, const int8_t *a,
                                       const int8_t *b, int8_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int8_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int8_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const int32_t left = itr_scale((*x - p->a_zero) * 128, p->a_multiplier, p->a_shift);
      const int32_t right = itr_scale((*y - p->b_zero) * 128, p->b_multiplier, p->b_shift);
      const int32_t square = (left - right) * (left - right);
      const int32_t code = itr_scale(square, p->out_multiplier, p->out_shift) + p->out_zero;
      *out++ = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
