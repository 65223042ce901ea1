// SPDX-License-Identifier: Apache-2.0
#include "intarsia/tanh.h"

#include "intarsia/sigmoid_table.h"

void itr_tanh_s16__scalar(const itr_tanh_s16_params *p, const int16_t *in, const int16_t *table,
                          int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t x = itr_sigmoid_steps(in[i], p->multiplier, p->shift);
    const int32_t value = itr_sigmoid_value(table, x < 0 ? -x : x, 8, 0xffff << 8);
    out[i] =
        (int16_t)((x >= 0 ? value - (1 << 23) + (1 << 7) : (1 << 23) - value + (1 << 7) - 1) >> 8);
  }
}
