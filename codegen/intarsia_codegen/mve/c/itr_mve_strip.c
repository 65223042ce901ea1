// SPDX-License-Identifier: Apache-2.0
#include "itr_mve_strip.h"

#include "intarsia/packed.h"
#include "itr_mve_codes.h"
#include "itr_mve_rows.h"

static void codes(int8_t *out, const uint8_t *in, int32_t count, int32_t bits) {
  if (bits == 8) {
    itr_mve_copy(out, (const int8_t *)in, count);
  } else {
    itr_mve_unpack(in, 1, count, bits, out);
  }
}

/* `count` pixels. */
static void pixels(int8_t *out, const uint8_t *in, const itr_mve_strip *s, int32_t count) {
  if (s->pixel == s->in_c) {
    codes(out, in, count * s->in_c, s->bits);
    return;
  }
  for (; count > 0; count--, in += itr_packed_bytes(s->in_c, s->bits), out += s->pixel) {
    codes(out, in, s->in_c, s->bits);
  }
}

void itr_mve_strip_load(int8_t *rows, const void *image, const itr_mve_strip *s, int32_t y,
                        int32_t count) {
  const int32_t before = s->left > 0 ? s->left : 0;
  const int32_t skipped = before - s->left;
  const int32_t room = s->width - before;
  const int32_t there = s->in_w - skipped < room ? s->in_w - skipped : room;
  const int32_t run = itr_packed_bytes(s->in_c, s->bits);
  for (; count > 0; count--, y++, rows += s->width * s->pixel) {
    if (y < 0 || y >= s->in_h) {
      itr_mve_fill(rows, s->fill, s->width * s->pixel);
      continue;
    }
    itr_mve_fill(rows, s->fill, before * s->pixel);
    pixels(rows + before * s->pixel, (const uint8_t *)image + (y * s->in_w + skipped) * run, s,
           there);
    itr_mve_fill(rows + (before + there) * s->pixel, s->fill, (room - there) * s->pixel);
  }
}
