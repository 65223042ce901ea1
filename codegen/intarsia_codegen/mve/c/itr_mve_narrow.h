// SPDX-License-Identifier: Apache-2.0
/* Products of pixels of at most 16 channels. */
#ifndef ITR_MVE_NARROW_H
#define ITR_MVE_NARROW_H

#include <stdint.h>

/* A layer: pixels of `depth` bytes, `in_pitch` apart; `channels` is a multiple of four. `weights`
 * holds, per block of four channels, the vectors bias, multiplier, right shift, left shift; then 16
 * weights of each channel. */
typedef struct {
  int32_t depth, in_pitch, channels, zero;
  const int8_t *weights;
} itr_mve_narrow;

#endif
