// SPDX-License-Identifier: Apache-2.0
#include "intarsia/batch_matmul.h"

#include "intarsia/broadcast.h"

static void multiply(const itr_batch_matmul_f32_params *p, const float *a, const float *b,
                     float *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    const float *x = a + r * p->a_row;
    for (int32_t c = 0; c < p->columns; c++) {
      const float *y = b + c * p->b_column;
      float sum = 0.0f;
      for (int32_t k = 0; k < p->depth; k++) {
        sum += x[k * p->a_depth] * y[k * p->b_depth];
      }
      out[r * p->out_row + c * p->out_column] = sum;
    }
  }
}

void itr_batch_matmul_f32__scalar(const itr_batch_matmul_f32_params *p, const float *a,
                                  const float *b, float *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->batch); row++) {
    const float *x = a + itr_broadcast_start(p->batch, p->a_batch, row);
    const float *y = b + itr_broadcast_start(p->batch, p->b_batch, row);
    for (int32_t i = 0; i < p->batch[3]; i++) {
      multiply(p, x, y, out);
      x += p->a_batch[3];
      y += p->b_batch[3];
      out += p->rows * p->columns;
    }
  }
}
