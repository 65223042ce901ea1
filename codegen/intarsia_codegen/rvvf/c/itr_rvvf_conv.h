// SPDX-License-Identifier: Apache-2.0
/* Convolution as a matrix product of a few pixels by as many output channels as vectors hold. */
#ifndef ITR_RVVF_CONV_H
#define ITR_RVVF_CONV_H

#include <stdint.h>

/* `depth` values make a window. `direct`: windows are single pixels that lie in the input as they
 * are. `weights` holds those of all output channels for one value of a window after the other.
 * Scratch: windows of a few pixels, unless direct. */
typedef struct {
  int32_t in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, out_c;
  int32_t depth, direct;
  float minimum, maximum;
  const void *weights;
  const float *bias;
} itr_rvvf_conv;

#endif
