// SPDX-License-Identifier: Apache-2.0
/* RESIZE_NEAREST_NEIGHBOR over NHWC feature maps: output pixel (y, x) is input pixel (rows[y],
 * columns[x]). */
#ifndef INTARSIA_RESIZE_NEAREST_NEIGHBOR_H
#define INTARSIA_RESIZE_NEAREST_NEIGHBOR_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, out_h, out_w;
  int32_t pixel_bytes; /* channels times the size of an element */
} itr_resize_nearest_neighbor_x8_params;

/* Elements of any type; out_h rows and out_w columns. `out` may not overlap `in`. */
void itr_resize_nearest_neighbor_x8__scalar(const itr_resize_nearest_neighbor_x8_params *p,
                                            const void *in, const int16_t *rows,
                                            const int16_t *columns, void *out);

#endif
