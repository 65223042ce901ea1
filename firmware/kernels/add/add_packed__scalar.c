// SPDX-License-Identifier: Apache-2.0
#include "intarsia/add.h"

#include "intarsia/packed.h"
#include "intarsia/scaled_sum.h"

static int32_t sum_code(const itr_add_packed_params *p, int32_t a, int32_t b) {
  const int32_t sum = itr_scaled_operand(a, 0, p->a_multiplier, p->a_shift) +
                      itr_scaled_operand(b, 0, p->b_multiplier, p->b_shift);
  const int32_t code = itr_scale(sum, p->out_multiplier, p->out_shift) + p->out_zero;
  return itr_clamp(code, p->minimum, p->maximum);
}

void itr_add_packed__scalar(const itr_add_packed_params *p, const void *a, const void *b,
                            void *out) {
  int16_t x[ITR_PACKED_BLOCK];
  int16_t y[ITR_PACKED_BLOCK];
  const uint8_t *a_run = a;
  const uint8_t *b_run = b;
  uint8_t *target = out;
  for (int32_t run = 0; run < p->runs; run++) {
    for (int32_t first = 0; first < p->count; first += ITR_PACKED_BLOCK) {
      const int32_t rest = p->count - first;
      const int32_t count = rest < ITR_PACKED_BLOCK ? rest : ITR_PACKED_BLOCK;
      itr_unpack(a_run + itr_packed_bytes(first, p->a_bits), count, p->a_bits, p->a_zero, x);
      itr_unpack(b_run + itr_packed_bytes(first, p->b_bits), count, p->b_bits, p->b_zero, y);
      for (int32_t i = 0; i < count; i++) {
        itr_packed_append(target, first + i, p->out_bits, sum_code(p, x[i], y[i]));
      }
    }
    a_run += itr_packed_bytes(p->count, p->a_bits);
    b_run += itr_packed_bytes(p->count, p->b_bits);
    target += itr_packed_bytes(p->count, p->out_bits);
  }
}
