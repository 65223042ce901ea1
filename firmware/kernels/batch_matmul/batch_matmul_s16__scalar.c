// SPDX-License-Identifier: Apache-2.0
#include "intarsia/batch_matmul.h"

#include "intarsia/broadcast.h"
#include "intarsia/fixedpoint.h"

static void multiply(const itr_batch_matmul_s16_params *p, const int16_t *a, const int16_t *b,
                     int16_t *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    const int16_t *x = a + r * p->a_row;
    for (int32_t c = 0; c < p->columns; c++) {
      const int16_t *y = b + c * p->b_column;
      int64_t sum = 0;
      for (int32_t k = 0; k < p->depth; k++) {
        sum += (int64_t)x[k * p->a_depth] * y[k * p->b_depth];
      }
      const int32_t code = itr_scale_wide(sum, p->multiplier, p->shift);
      out[r * p->out_row + c * p->out_column] = (int16_t)itr_clamp(code, INT16_MIN, INT16_MAX);
    }
  }
}

void itr_batch_matmul_s16__scalar(const itr_batch_matmul_s16_params *p, const int16_t *a,
                                  const int16_t *b, int16_t *out) {
  for (int32_t row = 0; row < itr_broadcast_rows(p->batch); row++) {
    const int16_t *x = a + itr_broadcast_start(p->batch, p->a_batch, row);
    const int16_t *y = b + itr_broadcast_start(p->batch, p->b_batch, row);
    for (int32_t i = 0; i < p->batch[3]; i++) {
      multiply(p, x, y, out);
      x += p->a_batch[3];
      y += p->b_batch[3];
      out += p->rows * p->columns;
    }
  }
}
