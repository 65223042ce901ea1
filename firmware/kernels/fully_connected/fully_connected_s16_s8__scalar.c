// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/fully_connected.h"

void itr_fully_connected_s16_s8__scalar(const itr_fully_connected_s16_s8_params *p,
                                        const int16_t *in, const int8_t *weights,
                                        const int64_t *bias, const int32_t *multiplier,
                                        const int8_t *shift, int16_t *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t u = 0; u < p->units; u++) {
      const int64_t sum =
          bias[u] + itr_dot_s16_s8(in + n * p->columns, weights + u * p->columns, p->columns);
      const int32_t code = itr_scale_wide(sum, multiplier[u], shift[u]);
      *out++ = (int16_t)itr_clamp(code, p->minimum, p->maximum);
    }
  }
}
