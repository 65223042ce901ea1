// SPDX-License-Identifier: Apache-2.0
/* Functions of int16 codes by interpolation in a table of 513 values, as
 * sdk/intarsia/ops/_interpolation.py defines them. */
#ifndef INTARSIA_INTERPOLATION_H
#define INTARSIA_INTERPOLATION_H

#include <stdint.h>

static inline int32_t itr_interpolated(const int16_t *table, int32_t x) {
  const int32_t place = 256 + (x >> 7);
  const int32_t base = table[place];
  return base + (((table[place + 1] - base) * (x & 0x7f) + 64) >> 7);
}

#endif
