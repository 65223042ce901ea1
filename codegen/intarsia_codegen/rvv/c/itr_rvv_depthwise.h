// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution: rows of outputs, channels (or pixels and channels) in the lanes. */
#ifndef ITR_RVV_DEPTHWISE_H
#define ITR_RVV_DEPTHWISE_H

#include "itr_rvv_requantize.h"

/* The windows of neighbouring pixels are `step` bytes apart; `flat` where this is a pixel's
 * `period` channels, so that a row is one run of outputs. The taps of an output lie at `offsets`
 * from its first one. Constants are by channel, `period` channels one after the other again and
 * again; there are `pitch` of each, and a vector never reads beyond. */
typedef struct {
  int32_t flat, step, period, pitch;
  itr_rvv_limits to;
  const int32_t *offsets;
  const int8_t *weights;
  const itr_rvv_channels *q;
} itr_rvv_depthwise;

#endif
