// SPDX-License-Identifier: Apache-2.0
/* Sums and terms of one row of int8 values, shared by the kernels of SOFTMAX and LOG_SOFTMAX. */
#ifndef INTARSIA_SOFTMAX_ROW_H
#define INTARSIA_SOFTMAX_ROW_H

#include <stdint.h>

#include "intarsia/fixedpoint_functions.h"

static inline int32_t itr_row_maximum(const int8_t *row, int32_t depth) {
  int32_t maximum = row[0];
  for (int32_t i = 1; i < depth; i++) {
    maximum = row[i] > maximum ? row[i] : maximum;
  }
  return maximum;
}

/* Sum in Q12.19 of the exponentials of the differences that are at least diff_min; depth <= 4095.
 */
static inline int32_t itr_row_sum(const int8_t *row, int32_t depth, int32_t maximum,
                                  int32_t multiplier, int32_t shift, int32_t diff_min) {
  int32_t sum = 0;
  for (int32_t i = 0; i < depth; i++) {
    const int32_t difference = row[i] - maximum;
    if (difference >= diff_min) {
      const int32_t scaled = itr_scale(difference, multiplier, shift);
      sum += itr_rounding_shift_right(itr_exp_of_negative(scaled), 12);
    }
  }
  return sum;
}

/* One probability as a fraction of 2^bits, given the reciprocal of the sum and its exponent. */
static inline int32_t itr_row_probability(int32_t scaled, int32_t factor, int32_t exponent,
                                          int32_t bits) {
  const int32_t product = itr_doubling_high_mul(factor, itr_exp_of_negative(scaled));
  const int32_t right = exponent + 31 - bits;
  return right > 31 ? 0 : itr_rounding_shift_right(product, right);
}

#endif
