// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution, a vector of channels at a time. */
#ifndef ITR_MVEF_DEPTHWISE_H
#define ITR_MVEF_DEPTHWISE_H

#include <stdint.h>

/* `weights` holds, per vector of channels, their biases, then their weights for every tap. */
typedef struct {
  int32_t in_h, in_w, channels;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w;
  float minimum, maximum;
  const void *weights;
} itr_mvef_depthwise;

#endif
