// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution of tall or wide windows, one channel after the other. */
#ifndef ITR_MVE_PLANES_H
#define ITR_MVE_PLANES_H

#include <stdint.h>

#include "itr_mve_limits.h"

/* A layer. `rows` and `columns` of the image, `in_pitch` bytes from one row to the next, are copied
 * to a plane of `plane_bytes`, from its byte `first` on; the rest of the plane is border and holds
 * `fill`. `records` holds, per channel, the weights of each window row in 16 bytes, then bias,
 * multiplier, right shift, left shift. Scratch: the plane. */
typedef struct {
  int32_t rows, columns, in_pitch, channels, out_h, out_w;
  int32_t plane_bytes, first;
  int32_t fill;
  itr_mve_limits to;
  const void *records;
} itr_mve_planes;

#endif
