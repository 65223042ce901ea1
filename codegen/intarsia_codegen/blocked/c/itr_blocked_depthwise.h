// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution, one channel along a row at a time. */
#ifndef ITR_BLOCKED_DEPTHWISE_H
#define ITR_BLOCKED_DEPTHWISE_H

#include "itr_blocked_scale.h"

/* Windows are `step` bytes apart, their taps `tap_x` and `tap_y`. Weights are
 * [channels][kernel_h][kernel_w]. */
typedef struct {
  int32_t channels, step, kernel_h, kernel_w, tap_x, tap_y;
  itr_blocked_limits to;
  const int8_t *weights;
  const itr_blocked_channel *q;
} itr_blocked_depthwise;

#endif
