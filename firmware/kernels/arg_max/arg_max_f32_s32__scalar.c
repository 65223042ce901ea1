// SPDX-License-Identifier: Apache-2.0
#include "intarsia/arg_max.h"

void itr_arg_max_f32_s32__scalar(const itr_arg_max_f32_s32_params *p, const float *in,
                                 int32_t *out) {
  for (int32_t o = 0; o < p->outer; o++) {
    for (int32_t i = 0; i < p->inner; i++) {
      const float *line = in + o * p->extent * p->inner + i;
      float best = p->sign * *line;
      int32_t place = 0;
      for (int32_t k = 1; k < p->extent; k++) {
        const float value = p->sign * line[k * p->inner];
        if (value > best) {
          best = value;
          place = k;
        }
      }
      *out++ = place;
    }
  }
}
