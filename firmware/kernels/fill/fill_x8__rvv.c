// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/fill.h"

void itr_fill_x8__rvv(const itr_fill_x8_params *p, void *out) {
  int8_t *next = out;
  for (size_t n, left = (size_t)p->count; left > 0; left -= n, next += n) {
    n = __riscv_vsetvl_e8m8(left);
    __riscv_vse8_v_i8m8(next, __riscv_vmv_v_x_i8m8((int8_t)p->value, n), n);
  }
}
