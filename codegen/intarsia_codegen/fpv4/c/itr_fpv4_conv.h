// SPDX-License-Identifier: Apache-2.0
/* Convolution as a matrix product of four pixels by four output channels. */
#ifndef ITR_FPV4_CONV_H
#define ITR_FPV4_CONV_H

#include <stdint.h>

/* 2 * `pairs` values make a window, the last may be filling. `direct`: windows are single pixels
 * that lie in the input as they are. `weights` holds those of four channels for one value of a
 * window after the other. Scratch: four windows, unless direct. */
typedef struct {
  int32_t in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w, out_c;
  int32_t pairs, direct;
  float minimum, maximum;
  const void *weights;
  const float *bias;
} itr_fpv4_conv;

#endif
