// SPDX-License-Identifier: Apache-2.0
/* The body of add for real values. A source that includes this defines ITR_HALF (see
 * intarsia/real.h), ITR_PARAMS and ITR_FUNCTION. */
#include "intarsia/add.h"
#include "intarsia/real.h"

#include "intarsia/broadcast.h"

void ITR_FUNCTION(const ITR_PARAMS *p, const itr_real *a, const itr_real *b, itr_real *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++) {
    const itr_real *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const itr_real *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    for (int32_t i = 0; i < p->shape[3]; i++) {
      const float value = itr_real_get(*x) + itr_real_get(*y);
      *out++ = itr_real_put(value < p->minimum   ? p->minimum
                            : value > p->maximum ? p->maximum
                                                 : value);
      x += p->a_stride[3];
      y += p->b_stride[3];
    }
  }
}
