// SPDX-License-Identifier: Apache-2.0
#include "intarsia/reduce_all.h"

static bool reduced(const itr_reduce_all_b8_params *p, const bool *x) {
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++) {
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++) {
      if (!x[(r0 * p->kept_1 * p->reduced_1 + r1) * p->kept_2]) {
        return false;
      }
    }
  }
  return true;
}

void itr_reduce_all_b8__scalar(const itr_reduce_all_b8_params *p, const bool *in, bool *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const bool *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++) {
      const bool *line = block + k1 * p->reduced_1 * p->kept_2;
      for (int32_t k2 = 0; k2 < p->kept_2; k2++) {
        *out++ = reduced(p, line + k2);
      }
    }
  }
}
