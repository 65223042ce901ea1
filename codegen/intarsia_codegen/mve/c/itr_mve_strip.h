// SPDX-License-Identifier: Apache-2.0
/* Rows of an NHWC image as bytes between their padding, whatever the width of its codes. */
#ifndef ITR_MVE_STRIP_H
#define ITR_MVE_STRIP_H

#include <stdint.h>

/* An image of `bits` per code (8, 4 or 2), and rows of `width` pixels of `pixel` bytes, in_c of
 * them codes. Rows begin `left` pixels before the image, or inside it where `left` is negative;
 * pixels outside hold `fill`. */
typedef struct {
  int32_t in_h, in_w, in_c, bits;
  int32_t left, width, pixel, fill;
} itr_mve_strip;

/* Makes `count` rows, the first of which is row `y` of the image. */
void itr_mve_strip_load(int8_t *rows, const void *image, const itr_mve_strip *s, int32_t y,
                        int32_t count);

#endif
