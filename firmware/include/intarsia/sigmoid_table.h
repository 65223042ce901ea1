// SPDX-License-Identifier: Apache-2.0
/* Lookup in the table of LOGISTIC and TANH for int16. */
#ifndef INTARSIA_SIGMOID_TABLE_H
#define INTARSIA_SIGMOID_TABLE_H

#include <stdint.h>

/* Codes in the steps of the table: multiplied, and shifted to the right with rounding. */
static inline int32_t itr_sigmoid_steps(int32_t code, int32_t multiplier, int32_t shift) {
  const int32_t rounding = shift > 0 ? 1 << (shift - 1) : 0;
  return (code * multiplier + rounding) >> shift;
}

/* Table value with `bits` more bits for a magnitude with that many; `last` where the table ends. */
static inline int32_t itr_sigmoid_value(const int16_t *table, int32_t magnitude, int32_t bits,
                                        int32_t last) {
  const int32_t place = magnitude >> bits;
  if (place >= 255) {
    return last;
  }
  const int32_t low = (uint16_t)table[place];
  const int32_t high = (uint16_t)table[place + 1];
  return low * (1 << bits) + (magnitude & ((1 << bits) - 1)) * (high - low);
}

#endif
