// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/fixedpoint.h"
#include "intarsia/gather.h"

void itr_gather_table__scalar(const itr_gather_table_params *p, const int32_t *indices,
                              const void *table, void *out) {
  const uint8_t *block = table;
  uint8_t *target = out;
  for (int32_t b = 0; b < p->batch; b++) {
    for (int32_t o = 0; o < p->outer; o++) {
      for (int32_t i = 0; i < p->count; i++) {
        const int32_t place = itr_clamp(indices[b * p->count + i], 0, p->extent - 1);
        memcpy(target, block + place * p->bytes, (size_t)p->bytes);
        target += p->bytes;
      }
      block += p->extent * p->bytes;
    }
  }
}
