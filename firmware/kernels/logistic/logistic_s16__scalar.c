// SPDX-License-Identifier: Apache-2.0
#include "intarsia/logistic.h"

#include "intarsia/sigmoid_table.h"

void itr_logistic_s16__scalar(const itr_logistic_s16_params *p, const int16_t *in,
                              const int16_t *table, int16_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const int32_t x = itr_sigmoid_steps(in[i], p->multiplier, p->shift);
    const int32_t value = itr_sigmoid_value(table, x < 0 ? -x : x, 9, 0x7fff << 10);
    out[i] = (int16_t)((x >= 0 ? value + (1 << 9) : (1 << 25) - value + (1 << 9) - 1) >> 10);
  }
}
