// SPDX-License-Identifier: Apache-2.0
/* Convolution as a matrix product of three pixels by two vectors of output channels. */
#ifndef ITR_MVEF_CONV_H
#define ITR_MVEF_CONV_H

#include <stdint.h>

/* `depth` values make a window. `direct`: windows are single pixels that lie in the input as they
 * are. `weights` holds, per two vectors of output channels, their biases, then their weights for
 * every value of a window. Scratch: three windows, unless direct. */
typedef struct {
  int32_t in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, out_c;
  int32_t depth, direct;
  float minimum, maximum;
  const void *weights;
} itr_mvef_conv;

#endif
