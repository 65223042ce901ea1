// SPDX-License-Identifier: Apache-2.0
/* LOGICAL_AND: whether both operands are true. Strides of 0 repeat an operand along an axis. `out`
 * may be an operand that has as many elements as `out`. */
#ifndef INTARSIA_LOGICAL_AND_H
#define INTARSIA_LOGICAL_AND_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
} itr_logical_and_b8_params;

void itr_logical_and_b8__scalar(const itr_logical_and_b8_params *p, const bool *a, const bool *b,
                                bool *out);

#endif
