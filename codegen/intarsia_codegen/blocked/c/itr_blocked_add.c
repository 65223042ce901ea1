// SPDX-License-Identifier: Apache-2.0
#include "itr_blocked_add.h"

#include "intarsia/fixedpoint.h"

void itr_blocked_add(const int8_t *a, const int8_t *b, int8_t *out,
                     const itr_blocked_add_params *s) {
  const int32_t a_factor = s->a_factor, b_factor = s->b_factor, constant = s->constant;
  const int32_t right = s->right, minimum = s->minimum, maximum = s->maximum;
  for (const int8_t *end = a + s->size; a < end; a++, b++, out++) {
    const int32_t sum = *a * a_factor + *b * b_factor + constant;
    *out = (int8_t)itr_clamp(sum >> right, minimum, maximum);
  }
}
