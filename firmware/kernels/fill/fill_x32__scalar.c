// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/fill.h"

void itr_fill_x32__scalar(const itr_fill_x32_params *p, void *out) {
  const int32_t value = p->value;
  uint8_t *target = out;
  for (int32_t i = 0; i < p->count; i++) {
    memcpy(target + (uint32_t)i * sizeof value, &value, sizeof value);
  }
}
