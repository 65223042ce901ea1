// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "itr_blocked_rows.h"

/* Loads image rows from `y` on into the last `count` rows. */
static void load(int8_t *rows, const int8_t *image, const itr_blocked_rows *s, int32_t y,
                 int32_t count) {
  int8_t *out = rows + (s->kept - count) * s->pitch + s->left;
  for (; count > 0; count--, y++, out += s->pitch) {
    if (y >= 0 && y < s->in_h) {
      memcpy(out, image + y * s->in_pitch, (size_t)s->bytes);
    } else {
      memset(out, s->fill, (size_t)s->bytes);
    }
  }
}

void itr_blocked_rows_start(int8_t *rows, const int8_t *image, const itr_blocked_rows *shape,
                            int32_t y) {
  memset(rows, shape->fill, (size_t)(shape->kept * shape->pitch));
  load(rows, image, shape, y, shape->kept);
}

void itr_blocked_rows_advance(int8_t *rows, const int8_t *image, const itr_blocked_rows *shape,
                              int32_t y, int32_t step) {
  const int32_t fresh = step < shape->kept ? step : shape->kept;
  for (int32_t row = fresh; row < shape->kept; row++) {
    memcpy(rows + (row - fresh) * shape->pitch, rows + row * shape->pitch, (size_t)shape->pitch);
  }
  load(rows, image, shape, y + shape->kept - fresh, fresh);
}
