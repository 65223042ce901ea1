// SPDX-License-Identifier: Apache-2.0
#include "intarsia/fixedpoint.h"
#include "intarsia/mean.h"

static int32_t reduced_sum(const itr_mean_s16_params *p, const int16_t *x) {
  const int32_t in_zero = p->in_zero;
  int32_t sum = 0;
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++) {
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++) {
      sum += x[(r0 * p->kept_1 * p->reduced_1 + r1) * p->kept_2] - in_zero;
    }
  }
  return sum;
}

void itr_mean_s16__scalar(const itr_mean_s16_params *p, const int16_t *in, int16_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int16_t *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++) {
      const int16_t *line = block + k1 * p->reduced_1 * p->kept_2;
      for (int32_t k2 = 0; k2 < p->kept_2; k2++) {
        const int32_t sum = reduced_sum(p, line + k2);
        const int32_t code = itr_scale(sum, p->multiplier, p->shift) + p->out_zero;
        *out++ = (int16_t)itr_clamp(code, INT16_MIN, INT16_MAX);
      }
    }
  }
}
