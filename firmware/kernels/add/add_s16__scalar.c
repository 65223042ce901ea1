// SPDX-License-Identifier: Apache-2.0
#include "intarsia/add.h"

#include "intarsia/broadcast.h"
#include "intarsia/scaled_sum.h"

void itr_add_s16__scalar(const itr_add_s16_params *p, const int16_t *a, const int16_t *b,
                         int16_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const int16_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int16_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const int32_t sum = itr_scaled_operand_s16(*x, p->a_zero, p->a_multiplier, p->a_shift) +
                          itr_scaled_operand_s16(*y, p->b_zero, p->b_multiplier, p->b_shift);
      const int32_t code = itr_scale(sum, p->out_multiplier, p->out_shift) + p->out_zero;
      *out++ = (int16_t)itr_clamp(code, p->minimum, p->maximum);
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
