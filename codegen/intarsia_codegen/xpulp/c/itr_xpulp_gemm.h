// SPDX-License-Identifier: Apache-2.0
/* Windows of a feature map times weights, four output channels at a time. */
#ifndef ITR_XPULP_GEMM_H
#define ITR_XPULP_GEMM_H

#include <stdint.h>
#include <string.h>

#include "itr_xpulp_channel.h"

/* A window is `runs` runs of `words` times four bytes, each `gap` bytes behind the end of the one
 * before; the next window begins `step` bytes later. Weights are [blocks][runs][words][4
 * channels][4], and `q` has constants for four channels of each block. Where `constant` is not
 * null, an output pixel has these `pitch` codes in the channels that are not computed. Functions in
 * assembler read the fields up to `q` by their place. */
typedef struct {
  int32_t step, runs, words, gap, blocks, pitch;
  int32_t minimum, maximum;
  const int8_t *weights;
  const void *q;
  const int8_t *constant;
} itr_xpulp_gemm;

#endif
