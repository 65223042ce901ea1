// SPDX-License-Identifier: Apache-2.0
#include "intarsia/lookup.h"

#include "intarsia/packed.h"

void itr_lookup_packed__scalar(const itr_lookup_packed_params *p, const void *in,
                               const int8_t *table, void *out) {
  int16_t codes[ITR_PACKED_BLOCK];
  const uint8_t *source = in;
  uint8_t *target = out;
  for (int32_t run = 0; run < p->runs; run++) {
    for (int32_t first = 0; first < p->count; first += ITR_PACKED_BLOCK) {
      const int32_t rest = p->count - first;
      const int32_t count = rest < ITR_PACKED_BLOCK ? rest : ITR_PACKED_BLOCK;
      itr_unpack(source + itr_packed_bytes(first, p->in_bits), count, p->in_bits, 0, codes);
      for (int32_t i = 0; i < count; i++) {
        const int32_t code = table[itr_packed_field(codes[i], p->in_bits)];
        itr_packed_append(target, first + i, p->out_bits, code);
      }
    }
    source += itr_packed_bytes(p->count, p->in_bits);
    target += itr_packed_bytes(p->count, p->out_bits);
  }
}
