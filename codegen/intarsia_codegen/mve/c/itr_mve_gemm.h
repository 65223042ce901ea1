// SPDX-License-Identifier: Apache-2.0
/* Matrix products of int8 columns and packed weights. */
#ifndef ITR_MVE_GEMM_H
#define ITR_MVE_GEMM_H

#include <stdint.h>

/* A layer: columns are `runs` runs of bytes, `run_pitch` apart. `weights` holds, per block of four
 * of the `channels` to compute: for each 16 of the depth, 16 weights of each channel; and the
 * vectors bias, [left shift,] multiplier, right shift[, place in the output] (bias first in
 * functions that loop over runs). Pitches in bytes. */
typedef struct {
  int32_t in_pitch, out_pitch;
  const void *weights;
  int32_t channels;
  int32_t zero, minimum, maximum;
  int32_t run_pitch, runs;
} itr_mve_gemm;

#endif
