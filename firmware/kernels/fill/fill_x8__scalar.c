// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/fill.h"

void itr_fill_x8__scalar(const itr_fill_x8_params *p, void *out) {
  memset(out, p->value & 0xFF, (size_t)p->count);
}
