// SPDX-License-Identifier: Apache-2.0
#include "intarsia/broadcast.h"
#include "intarsia/mul_dsp.h"

void itr_mul_broadcast_s8__dsp(const itr_mul_broadcast_s8_params *p, const int8_t *a,
                               const int8_t *b, int8_t *out) {
  const int32_t count = p->shape[3];
  const itr_mul_s8_params run = {count,         p->a_zero, p->b_zero,  p->out_zero,
                                 p->multiplier, p->shift,  p->minimum, p->maximum};
  for (int32_t row = 0; row < itr_broadcast_rows(p->shape); row++, out += count) {
    const int8_t *x = a + itr_broadcast_start(p->shape, p->a_stride, row);
    const int8_t *y = b + itr_broadcast_start(p->shape, p->b_stride, row);
    itr_dsp_run(&run, x, p->a_stride[3], y, p->b_stride[3], out, count);
  }
}
