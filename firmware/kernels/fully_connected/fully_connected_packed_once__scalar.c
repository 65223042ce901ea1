// SPDX-License-Identifier: Apache-2.0
#include "intarsia/fixedpoint.h"
#include "intarsia/fully_connected_packed.h"

void itr_fully_connected_packed_once__scalar(const itr_fully_connected_packed_once_params *p,
                                             const void *in, const uint8_t *weights,
                                             const int32_t *bias, const int64_t *multiplier,
                                             const int8_t *shift, const int8_t *weights_bits,
                                             void *out, void *scratch) {
  uint8_t *target = out;
  for (int32_t n = 0; n < p->batch; n++) {
    const int32_t excess = itr_packed_row(p, in, n, scratch);
    const uint8_t *w = weights;
    for (int32_t u = 0; u < p->units;) {
      const int32_t bits = weights_bits[u * p->mixed];
      const int32_t bytes = itr_packed_bytes(p->columns, bits);
      const int32_t last = u + 1 < p->units && weights_bits[(u + 1) * p->mixed] == bits ? 1 : 0;
      int32_t sums[2] = {0, 0};
      itr_packed_dot2(scratch, w, w + last * bytes, p->columns, bits, sums);
      for (int32_t k = 0; k <= last; k++, u++) {
        const int32_t sum = bias[u] + (sums[k] - excess);
        const int32_t code = itr_scale_away(sum, multiplier[u], shift[u]) + p->out_zero;
        itr_packed_append(target, u, p->out_bits, itr_clamp(code, p->minimum, p->maximum));
      }
      w += (last + 1) * bytes;
    }
    target += itr_packed_bytes(p->units, p->out_bits);
  }
}
