// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/fill.h"

void itr_fill_x16__scalar(const itr_fill_x16_params *p, void *out) {
  const int16_t value = (int16_t)p->value;
  uint8_t *target = out;
  for (int32_t i = 0; i < p->count; i++) {
    memcpy(target + (uint32_t)i * sizeof value, &value, sizeof value);
  }
}
