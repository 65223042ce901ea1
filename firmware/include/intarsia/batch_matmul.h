// SPDX-License-Identifier: Apache-2.0
/* BATCH_MATMUL: `out[r][c] = sum over k < depth of a[r][k] * b[k][c]` for every matrix of a batch
 * of four axes; strides count elements, and strides of 0 repeat an operand along an axis of the
 * batch. `b` may be a constant. `out` may not overlap an operand. */
#ifndef INTARSIA_BATCH_MATMUL_H
#define INTARSIA_BATCH_MATMUL_H

#include <stdint.h>

typedef struct {
  int32_t batch[4], a_batch[4], b_batch[4];
  int32_t rows, columns, depth;
  int32_t a_row, a_depth, b_column, b_depth, out_row, out_column;
  int32_t a_zero, b_zero, out_zero, multiplier, shift;
} itr_batch_matmul_s8_params;

typedef struct {
  int32_t batch[4], a_batch[4], b_batch[4];
  int32_t rows, columns, depth;
  int32_t a_row, a_depth, b_column, b_depth, out_row, out_column;
} itr_batch_matmul_f32_params;

typedef struct {
  int32_t batch[4], a_batch[4], b_batch[4];
  int32_t rows, columns, depth;
  int32_t a_row, a_depth, b_column, b_depth, out_row, out_column;
  int32_t multiplier, shift;
} itr_batch_matmul_s16_params;

void itr_batch_matmul_s8__scalar(const itr_batch_matmul_s8_params *p, const int8_t *a,
                                 const int8_t *b, int8_t *out);

/* Sums of 64 bits, scaled as by itr_scale_wide. */
void itr_batch_matmul_s16__scalar(const itr_batch_matmul_s16_params *p, const int16_t *a,
                                  const int16_t *b, int16_t *out);

/* Products are added in the order of the depth. */
void itr_batch_matmul_f32__scalar(const itr_batch_matmul_f32_params *p, const float *a,
                                  const float *b, float *out);

#endif
