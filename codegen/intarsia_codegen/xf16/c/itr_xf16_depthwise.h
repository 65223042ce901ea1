// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution of reals, a word of channels at a time: a float or two halves. */
#ifndef ITR_XF16_DEPTHWISE_H
#define ITR_XF16_DEPTHWISE_H

#include <stdint.h>

/* `words` of channels. Taps are `step` bytes apart along a row, whose last one lies `back` bytes
 * before the first of the next window, and `down` between rows; output pixels are `pitch` bytes
 * apart. Weights are [words][bias, then taps]. Functions in assembler read the fields by their
 * place. */
typedef struct {
  int32_t words, step, back, down, pitch;
  int32_t minimum, maximum;
  const int8_t *weights;
} itr_xf16_depthwise;

#endif
