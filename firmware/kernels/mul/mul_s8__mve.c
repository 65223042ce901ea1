// SPDX-License-Identifier: Apache-2.0
#include "intarsia/mul_mve.h"

void itr_mul_s8__mve(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out) {
  itr_mve_run(p, a, 1, b, 1, out, p->size);
}
