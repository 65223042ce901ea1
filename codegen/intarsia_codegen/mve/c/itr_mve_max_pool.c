// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_pool.h"

/* 16 channels at a time. */
static void pixel(itr_mve_cells cells, int8_t *out, const itr_mve_pool *s) {
  for (int32_t c = 0; c < s->in_c; c += 16) {
    const mve_pred16_t live = vctp8q((uint32_t)(s->in_c - c));
    const int8_t *row = cells.first + c;
    int8x16_t most = vdupq_n_s8((int8_t)s->minimum);
    for (int32_t i = cells.rows; i > 0; i--, row += s->in_w * s->in_c) {
      const int8_t *cell = row;
      for (int32_t j = cells.columns; j > 0; j--, cell += s->in_c) {
        most = vmaxq_s8(most, vldrbq_z_s8(cell, live));
      }
    }
    vstrbq_p_s8(out + c, vminq_s8(most, vdupq_n_s8((int8_t)s->maximum)), live);
  }
}

void itr_mve_max_pool(const int8_t *in, int8_t *out, const itr_mve_pool *s) {
  for (int32_t n = 0; n < s->batch; n++, in += s->in_h * s->in_w * s->in_c) {
    for (int32_t y = 0; y < s->out_h; y++) {
      for (int32_t x = 0; x < s->out_w; x++, out += s->in_c) {
        pixel(itr_mve_cells_of(in, s, y, x), out, s);
      }
    }
  }
}
