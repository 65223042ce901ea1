// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution of windows of up to 4 x 4 taps. */
#ifndef ITR_MVE_DEPTHWISE_H
#define ITR_MVE_DEPTHWISE_H

#include <stdint.h>

#include "itr_mve_limits.h"

/* A layer. `columns` counts the columns that windows touch, `left` of them padding (windows begin
 * inside the image where it is negative). `records`
 * holds, per channel, nine words: 0, the weights of columns 0 to 3 (four rows each, the first in
 * the lowest byte; column 3 is 0 in 3x3 windows), bias, multiplier, right shift, left shift.
 * Scratch: `quads` bytes, then two image rows, each rounded up to 16 bytes. `square`: 3x3 windows
 * of stride 1. `shared`: outputs may overwrite the input. */
typedef struct {
  int32_t in_h, in_w, channels, out_h, out_w;
  int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, left, columns;
  int32_t quads, square;
  int32_t fill;
  itr_mve_limits to;
  const void *records;
  int32_t shared;
} itr_mve_depthwise;

/* Interleaves four rows of `bytes` bytes; may write 60 bytes more. */
void itr_mve_interleave(int8_t *quads, const int8_t *const rows[4], int32_t bytes);

#endif
