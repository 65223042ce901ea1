// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/lookup.h"

void itr_lookup_s8__rvv(const itr_lookup_s8_params *p, const int8_t *in, const int8_t *table,
                        int8_t *out) {
  for (size_t n, left = (size_t)p->size; left > 0; left -= n, in += n, out += n) {
    n = __riscv_vsetvl_e8m8(left);
    const vuint8m8_t codes = __riscv_vreinterpret_v_i8m8_u8m8(__riscv_vle8_v_i8m8(in, n));
    __riscv_vse8_v_i8m8(out, __riscv_vluxei8_v_i8m8(table, codes, n), n);
  }
}
