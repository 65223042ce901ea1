// SPDX-License-Identifier: Apache-2.0
/* Windows of a feature map times weights, channels of the output in the lanes. */
#ifndef ITR_RVV_GEMM_H
#define ITR_RVV_GEMM_H

#include "itr_rvv_requantize.h"

/* A window is `runs` runs of `run` bytes, each at its offset from the window's first byte; the next
 * window begins `step` bytes later. Weights are [runs * run][channels]. With ITR_SCATTER only
 * `channels` of the `pitch` channels of an output pixel are computed, the others are those of
 * `constant`. */
typedef struct {
  int32_t channels, pitch, runs, run, step;
  itr_rvv_limits to;
  const int32_t *offsets;
  const int8_t *weights, *constant;
  const itr_rvv_channels *q;
} itr_rvv_gemm;

#endif
