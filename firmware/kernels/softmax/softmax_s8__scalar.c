// SPDX-License-Identifier: Apache-2.0
#include "intarsia/softmax.h"

#include "intarsia/softmax_row.h"

void itr_softmax_s8__scalar(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    const int32_t maximum = itr_row_maximum(in, p->depth);
    const int32_t sum = itr_row_sum(in, p->depth, maximum, p->multiplier, p->shift, p->diff_min);
    int32_t exponent;
    const int32_t factor = itr_reciprocal(sum, 12, &exponent);
    for (int32_t i = 0; i < p->depth; i++) {
      const int32_t difference = in[i] - maximum;
      int32_t code = INT8_MIN;
      if (difference >= p->diff_min) {
        const int32_t scaled = itr_scale(difference, p->multiplier, p->shift);
        code += itr_row_probability(scaled, factor, exponent, 8);
      }
      out[i] = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
    }
    in += p->depth;
    out += p->depth;
  }
}
