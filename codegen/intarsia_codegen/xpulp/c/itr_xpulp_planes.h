// SPDX-License-Identifier: Apache-2.0
/* Rows of an NHWC image kept in scratch, each as planes: one channel's pixels lie together. */
#ifndef ITR_XPULP_PLANES_H
#define ITR_XPULP_PLANES_H

#include <stdint.h>

/* `kept` rows: [kept][channels][pitch]. The image has rows of `row` pixels; the first `there` of
 * them lie `before` bytes, a multiple of four, behind the start of a plane, the rest of which holds
 * `fill`, as do rows outside the image's `in_h`. */
typedef struct {
  int32_t in_h, row, channels, there;
  int32_t kept, pitch, before, fill;
} itr_xpulp_planes;

void itr_xpulp_planes_start(int8_t *planes, const itr_xpulp_planes *s);

/* Loads the image's row `y` in place of the row `kept` before it. */
void itr_xpulp_planes_load(int8_t *planes, const int8_t *image, const itr_xpulp_planes *s,
                           int32_t y);

/* Where the row `y` lies. */
int8_t *itr_xpulp_planes_row(int8_t *planes, const itr_xpulp_planes *s, int32_t y);

/* [pixels][channels] to [channels][pitch], for whole groups of four; `out` is aligned to words. */
void itr_xpulp_transpose(const int8_t *in, int8_t *out, int32_t channels, int32_t pitch,
                         int32_t pixel_groups, int32_t channel_groups);

#endif
