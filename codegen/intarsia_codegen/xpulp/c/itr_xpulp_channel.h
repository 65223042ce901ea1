// SPDX-License-Identifier: Apache-2.0
#ifndef ITR_XPULP_CHANNEL_H
#define ITR_XPULP_CHANNEL_H

#include <stdint.h>

/* Of an output channel: what its sums begin with, and how they become codes. Functions in assembler
 * read the fields by their place. */
typedef struct {
  int32_t bias;
  int32_t high, low; /* the multiplier: high * 2**low_bits + low */
  int32_t offset, exponent;
  int32_t place; /* in an output pixel */
  int32_t delta; /* what the offset is less by for negative sums */
} itr_xpulp_channel;

#endif
