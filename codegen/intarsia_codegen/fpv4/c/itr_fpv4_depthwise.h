// SPDX-License-Identifier: Apache-2.0
/* Depthwise convolution, eight channels at a time. */
#ifndef ITR_FPV4_DEPTHWISE_H
#define ITR_FPV4_DEPTHWISE_H

#include <stdint.h>

/* `weights` holds those of all channels for one tap after the other. */
typedef struct {
  int32_t in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w;
  float minimum, maximum;
  const void *weights;
  const float *bias;
} itr_fpv4_depthwise;

#endif
