// SPDX-License-Identifier: Apache-2.0
#include "itr_xpulp_planes.h"

#include <string.h>

void itr_xpulp_planes_start(int8_t *planes, const itr_xpulp_planes *s) {
  memset(planes, s->fill, (size_t)(s->kept * s->channels * s->pitch));
}

int8_t *itr_xpulp_planes_row(int8_t *planes, const itr_xpulp_planes *s, int32_t y) {
  const int32_t slot = y % s->kept;
  return planes + (slot < 0 ? slot + s->kept : slot) * s->channels * s->pitch;
}

/* Pixels from `x` on of the channels from `c` on, one by one. */
static void transpose_rest(const int8_t *in, int8_t *out, const itr_xpulp_planes *s, int32_t x,
                           int32_t c) {
  for (; c < s->channels; c++) {
    for (int32_t i = x; i < s->there; i++) {
      out[c * s->pitch + i] = in[i * s->channels + c];
    }
  }
}

void itr_xpulp_planes_load(int8_t *planes, const int8_t *image, const itr_xpulp_planes *s,
                           int32_t y) {
  int8_t *row = itr_xpulp_planes_row(planes, s, y);
  if (y < 0 || y >= s->in_h) {
    memset(row, s->fill, (size_t)(s->channels * s->pitch));
    return;
  }
  const int8_t *in = image + y * s->row * s->channels;
  int8_t *out = row + s->before;
  const int32_t columns = s->there / 4;
  const int32_t channels = s->channels / 4;
  if (columns > 0 && channels > 0) {
    itr_xpulp_transpose(in, out, s->channels, s->pitch, columns, channels);
    transpose_rest(in, out, s, columns * 4, 0);
    transpose_rest(in, out, s, 0, channels * 4);
  } else {
    transpose_rest(in, out, s, 0, 0);
  }
}
