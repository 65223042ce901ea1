// SPDX-License-Identifier: Apache-2.0
#include "intarsia/add.h"

#include "intarsia/scaled_sum.h"

void itr_add_s8__scalar(const itr_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t sum = itr_scaled_operand(a[i], p->a_zero, p->a_multiplier, p->a_shift) +
                        itr_scaled_operand(b[i], p->b_zero, p->b_multiplier, p->b_shift);
    const int32_t code = itr_scale(sum, p->out_multiplier, p->out_shift) + p->out_zero;
    out[i] = (int8_t)itr_clamp(code, p->minimum, p->maximum);
  }
}
