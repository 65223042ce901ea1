// SPDX-License-Identifier: Apache-2.0
#include "intarsia/mul_rvv.h"

void itr_mul_s8__rvv(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out) {
  itr_rvv_products(p, a, 1, b, 1, out, p->size);
}
