// SPDX-License-Identifier: Apache-2.0
/* L2_NORMALIZATION of `rows` rows of `depth` values: each row divided by its length. `out` may be
 * `in`. */
#ifndef INTARSIA_L2_NORMALIZATION_H
#define INTARSIA_L2_NORMALIZATION_H

#include <stdint.h>

typedef struct {
  int32_t rows, depth, in_zero;
} itr_l2_normalization_s8_params;

typedef struct {
  int32_t rows, depth;
} itr_l2_normalization_f32_params;

/* Output codes have a scale of 1/128 and a zero point of 0. */
void itr_l2_normalization_s8__scalar(const itr_l2_normalization_s8_params *p, const int8_t *in,
                                     int8_t *out);

/* Squares are added in element order; rows shorter than 1e-6 are divided by that. */
void itr_l2_normalization_f32__scalar(const itr_l2_normalization_f32_params *p, const float *in,
                                      float *out);

#endif
