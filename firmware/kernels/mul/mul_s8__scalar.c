// SPDX-License-Identifier: Apache-2.0
#include "intarsia/mul.h"

#include "intarsia/fixedpoint.h"

void itr_mul_s8__scalar(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t product = (a[i] - p->a_zero) * (b[i] - p->b_zero);
    const int32_t code = itr_scale(product, p->multiplier, p->shift) + p->out_zero;
    out[i] = (int8_t)itr_clamp(code, p->minimum, p->maximum);
  }
}
