// SPDX-License-Identifier: Apache-2.0
/* Windows of a feature map times weights, four output channels at a time. */
#ifndef ITR_BLOCKED_GEMM_H
#define ITR_BLOCKED_GEMM_H

#include <string.h>

#include "itr_blocked_scale.h"

#define ITR_BLOCKED_CHANNELS 4

/* A window is `runs` runs of `run` bytes, each at its offset from the window's first byte; the next
 * window begins `step` bytes later. Weights are [blocks][runs * run][4]. With ITR_SCATTER only
 * `channels` of the `pitch` channels of an output pixel are computed, each for its place; the
 * others are those of `constant`. */
typedef struct {
  int32_t channels, pitch, runs, run, step;
  itr_blocked_limits to;
  const int32_t *offsets;
  const int8_t *weights, *constant;
  const uint16_t *places;
  const itr_blocked_channel *q;
} itr_blocked_gemm;

#endif
