// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_rows.h"

void itr_mve_copy(int8_t *out, const int8_t *in, int32_t bytes) {
  for (; bytes > 0; bytes -= 16, in += 16, out += 16) {
    const mve_pred16_t live = vctp8q((uint32_t)bytes);
    vstrbq_p_s8(out, vldrbq_z_s8(in, live), live);
  }
}

void itr_mve_repeat(int8_t *out, const int8_t *in, int32_t bytes, int32_t count) {
  for (; count > 0; count--, out += bytes) {
    itr_mve_copy(out, in, bytes);
  }
}

void itr_mve_fill(int8_t *out, int32_t value, int32_t bytes) {
  const int8x16_t filling = vdupq_n_s8((int8_t)value);
  for (; bytes > 0; bytes -= 16, out += 16) {
    vstrbq_p_s8(out, filling, vctp8q((uint32_t)bytes));
  }
}

/* Loads image rows from `y` on into the last `count` rows. */
static void load(int8_t *rows, const int8_t *image, const itr_mve_rows *s, int32_t y,
                 int32_t count) {
  int8_t *out = rows + (s->kept - count) * s->pitch + s->left;
  for (; count > 0; count--, y++, out += s->pitch) {
    if (y >= 0 && y < s->in_h) {
      itr_mve_copy(out, image + y * s->in_pitch, s->bytes);
    } else {
      itr_mve_fill(out, s->fill, s->bytes);
    }
  }
}

void itr_mve_rows_start(int8_t *rows, const int8_t *image, const itr_mve_rows *shape, int32_t y) {
  itr_mve_fill(rows, shape->fill, shape->kept * shape->pitch);
  load(rows, image, shape, y, shape->kept);
}

void itr_mve_rows_advance(int8_t *rows, const int8_t *image, const itr_mve_rows *shape, int32_t y,
                          int32_t step) {
  const int32_t fresh = step < shape->kept ? step : shape->kept;
  itr_mve_copy(rows, rows + fresh * shape->pitch, (shape->kept - fresh) * shape->pitch);
  load(rows, image, shape, y + shape->kept - fresh, fresh);
}
