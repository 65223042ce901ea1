// SPDX-License-Identifier: Apache-2.0
#include "intarsia/log_softmax.h"

#include "intarsia/softmax_row.h"

void itr_log_softmax_s8__scalar(const itr_log_softmax_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    const int32_t maximum = itr_row_maximum(in, p->depth);
    const int32_t log_sum =
        itr_logarithm(itr_row_sum(in, p->depth, maximum, p->multiplier, p->shift, p->diff_min));
    const int32_t reach = itr_scale(log_sum + INT32_MIN, p->reverse_multiplier, p->reverse_shift);
    const int32_t limit = reach > p->diff_min - 1 ? reach : p->diff_min - 1;
    for (int32_t i = 0; i < p->depth; i++) {
      const int32_t difference = in[i] - maximum;
      int32_t code = INT8_MIN;
      if (difference > limit) {
        const int32_t scaled = itr_scale(difference, p->multiplier, p->shift);
        code = itr_rounding_shift_right(scaled - log_sum, 22) + INT8_MAX;
      }
      out[i] = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
    }
    in += p->depth;
    out += p->depth;
  }
}
