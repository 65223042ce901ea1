// SPDX-License-Identifier: Apache-2.0
/* Arithmetic of int8 sums and differences: operands are brought to a common scale with 20 more
 * bits. */
#ifndef INTARSIA_SCALED_SUM_H
#define INTARSIA_SCALED_SUM_H

#include <stdint.h>

#include "intarsia/fixedpoint.h"

/* (code - zero) on the common scale. */
static inline int32_t itr_scaled_operand(int32_t code, int32_t zero, int32_t multiplier,
                                         int32_t shift) {
  return itr_scale((code - zero) * (1 << 20), multiplier, shift);
}

/* The same for int16 codes, with 15 more bits. */
static inline int32_t itr_scaled_operand_s16(int32_t code, int32_t zero, int32_t multiplier,
                                             int32_t shift) {
  return itr_scale((code - zero) * (1 << 15), multiplier, shift);
}

#endif
