// SPDX-License-Identifier: Apache-2.0
/* What differs between the branches of a layer with windows. */
#ifndef ITR_DSP_EXTENT_H
#define ITR_DSP_EXTENT_H

#include <stdint.h>

/* The first window starts at input (-pad_top, -pad_left), which may lie inside the input. */
typedef struct {
  int32_t in_h, in_w, pad_top, pad_left, out_h, out_w;
} itr_dsp_extent;

#endif
