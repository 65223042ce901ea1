// SPDX-License-Identifier: Apache-2.0
/* Walking two operands over one output of at most four axes, the innermost last. */
#ifndef INTARSIA_BROADCAST_H
#define INTARSIA_BROADCAST_H

#include <stdint.h>

/* Rows (runs along the innermost axis) of an output of that shape. */
static inline int32_t itr_broadcast_rows(const int32_t shape[4]) {
  return shape[0] * shape[1] * shape[2];
}

/* Element of an operand where a row of the output begins. */
static inline int32_t itr_broadcast_start(const int32_t shape[4], const int32_t stride[4],
                                          int32_t row) {
  const int32_t outer = row / shape[2];
  return (row % shape[2]) * stride[2] + (outer % shape[1]) * stride[1] +
         (outer / shape[1]) * stride[0];
}

#endif
