// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/fully_connected.h"

void itr_fully_connected_s8_s8__scalar(const itr_fully_connected_s8_s8_params *p, const int8_t *in,
                                       const int8_t *weights, const int32_t *bias,
                                       const int32_t *multiplier, const int8_t *shift,
                                       int8_t *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t u = 0; u < p->units; u++) {
      const int32_t sum = bias[u] + itr_dot_s8(in + n * p->columns, weights + u * p->columns,
                                               p->columns, p->in_zero, p->weights_zero);
      const int32_t code = itr_scale(sum, multiplier[u], shift[u]) + p->out_zero;
      *out++ = (int8_t)itr_clamp(code, p->minimum, p->maximum);
    }
  }
}
