// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution of windows of any size. */
#ifndef ITR_MVE_TAPS_H
#define ITR_MVE_TAPS_H

#include <stdint.h>

#include "itr_mve_limits.h"

/* A row of windows: taps are `tap_x` and `tap_y` bytes apart in the input, windows `step` bytes;
 * up to 3 bytes behind the last one are read.
 * `weights` holds, per block of four channels, four weights of each tap; `vectors`, per block,
 * bias, multiplier, right shift, left shift. */
typedef struct {
  int32_t channels, kernel_h, kernel_w;
  int32_t tap_x, tap_y, step;
  itr_mve_limits to;
  const int8_t *weights;
  const void *vectors;
} itr_mve_taps;

#endif
