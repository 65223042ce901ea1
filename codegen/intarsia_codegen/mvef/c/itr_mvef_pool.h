// SPDX-License-Identifier: Apache-2.0
/* Average pooling, a vector of channels at a time. */
#ifndef ITR_MVEF_POOL_H
#define ITR_MVEF_POOL_H

#include <stdint.h>

typedef struct {
  int32_t in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w;
  float minimum, maximum;
} itr_mvef_pool;

#endif
