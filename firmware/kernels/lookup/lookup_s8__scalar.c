// SPDX-License-Identifier: Apache-2.0
#include "intarsia/lookup.h"

void itr_lookup_s8__scalar(const itr_lookup_s8_params *p, const int8_t *in, const int8_t *table,
                           int8_t *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = table[(uint8_t)in[i]];
  }
}
