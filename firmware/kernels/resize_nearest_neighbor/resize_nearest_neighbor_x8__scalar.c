// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/resize_nearest_neighbor.h"

void itr_resize_nearest_neighbor_x8__scalar(const itr_resize_nearest_neighbor_x8_params *p,
                                            const void *in, const int16_t *rows,
                                            const int16_t *columns, void *out) {
  const int32_t row_bytes = p->in_w * p->pixel_bytes;
  uint8_t *target = out;
  for (int32_t n = 0; n < p->batch; n++) {
    const uint8_t *image = (const uint8_t *)in + n * p->in_h * row_bytes;
    for (int32_t y = 0; y < p->out_h; y++) {
      const uint8_t *row = image + rows[y] * row_bytes;
      for (int32_t x = 0; x < p->out_w; x++) {
        memcpy(target, row + columns[x] * p->pixel_bytes, (size_t)p->pixel_bytes);
        target += p->pixel_bytes;
      }
    }
  }
}
