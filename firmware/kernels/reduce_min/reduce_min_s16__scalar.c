// SPDX-License-Identifier: Apache-2.0
#include "intarsia/reduce_min.h"

static int16_t reduced(const itr_reduce_min_s16_params *p, const int16_t *x) {
  int16_t result = *x;
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++) {
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++) {
      const int16_t value = x[(r0 * p->kept_1 * p->reduced_1 + r1) * p->kept_2];
      result = value < result ? value : result;
    }
  }
  return result;
}

void itr_reduce_min_s16__scalar(const itr_reduce_min_s16_params *p, const int16_t *in,
                                int16_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int16_t *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++) {
      const int16_t *line = block + k1 * p->reduced_1 * p->kept_2;
      for (int32_t k2 = 0; k2 < p->kept_2; k2++) {
        *out++ = reduced(p, line + k2);
      }
    }
  }
}
