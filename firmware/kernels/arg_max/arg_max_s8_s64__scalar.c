// SPDX-License-Identifier: Apache-2.0
#include "intarsia/arg_max.h"

void itr_arg_max_s8_s64__scalar(const itr_arg_max_s8_s64_params *p, const int8_t *in,
                                int64_t *out) {
  for (int32_t o = 0; o < p->outer; o++) {
    for (int32_t i = 0; i < p->inner; i++) {
      const int8_t *line = in + o * p->extent * p->inner + i;
      int32_t best = p->sign * *line;
      int32_t place = 0;
      for (int32_t k = 1; k < p->extent; k++) {
        const int32_t value = p->sign * line[k * p->inner];
        if (value > best) {
          best = value;
          place = k;
        }
      }
      *out++ = place;
    }
  }
}
