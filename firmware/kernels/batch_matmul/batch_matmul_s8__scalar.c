// SPDX-License-Identifier: Apache-2.0
#include "intarsia/batch_matmul.h"

#include "intarsia/broadcast.h"
#include "intarsia/fixedpoint.h"

static void multiply(const itr_batch_matmul_s8_params *p, const int8_t *a, const int8_t *b,
                     int8_t *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    const int8_t *x = a + r * p->a_row;
    for (int32_t c = 0; c < p->columns; c++) {
      const int8_t *y = b + c * p->b_column;
      int32_t sum = 0;
      for (int32_t k = 0; k < p->depth; k++) {
        sum += (x[k * p->a_depth] - p->a_zero) * (y[k * p->b_depth] - p->b_zero);
      }
      const int32_t code = itr_scale(sum, p->multiplier, p->shift) + p->out_zero;
      out[r * p->out_row + c * p->out_column] = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
    }
  }
}

void itr_batch_matmul_s8__scalar(const itr_batch_matmul_s8_params *p, const int8_t *a,
                                 const int8_t *b, int8_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->batch); row++) {
    const int8_t *x = a + itr_broadcast_start(p->batch, p->a_batch, row);
    const int8_t *y = b + itr_broadcast_start(p->batch, p->b_batch, row);
    for (int32_t i = 0; i < p->batch[3]; i++) {
      multiply(p, x, y, out);
      x += p->a_batch[3];
      y += p->b_batch[3];
      out += p->rows * p->columns;
    }
  }
}
