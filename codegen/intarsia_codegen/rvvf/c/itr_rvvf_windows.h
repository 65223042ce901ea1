// SPDX-License-Identifier: Apache-2.0
/* Windows of one channel each, a vector of channels at a time. */
#ifndef ITR_RVVF_WINDOWS_H
#define ITR_RVVF_WINDOWS_H

#include <stdint.h>

/* `weights` holds those of all channels for one tap after the other; averages have none, and no
 * `bias`. */
typedef struct {
  int32_t in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w;
  float minimum, maximum;
  const void *weights;
  const float *bias;
} itr_rvvf_windows;

#endif
