// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution of rows in planes (itr_xpulp_planes.h). */
#ifndef ITR_XPULP_DEPTHWISE_H
#define ITR_XPULP_DEPTHWISE_H

#include <stdint.h>

#include "itr_xpulp_channel.h"

/* Planes are `plane` bytes apart. Weights are [channels][kernel_h][words of taps][4]. Functions in
 * assembler read the fields by their place. */
typedef struct {
  int32_t channels, plane;
  int32_t minimum, maximum;
  const int8_t *weights;
  const itr_xpulp_channel *q;
} itr_xpulp_depthwise;

#endif
