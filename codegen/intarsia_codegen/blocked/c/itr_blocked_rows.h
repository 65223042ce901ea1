// SPDX-License-Identifier: Apache-2.0
/* Rows of an NHWC image kept in scratch between their padding. */
#ifndef ITR_BLOCKED_ROWS_H
#define ITR_BLOCKED_ROWS_H

#include <stdint.h>

/* `kept` rows, `pitch` bytes apart, each with `bytes` bytes of the image's row (`in_pitch` bytes
 * apart) behind `left` bytes of padding. Rows outside the image's `in_h` and all padding hold
 * `fill`. */
typedef struct {
  int32_t in_h, in_pitch, bytes;
  int32_t kept, pitch, left, fill;
} itr_blocked_rows;

/* Fills the padding; then the rows from image row `y` on are loaded. */
void itr_blocked_rows_start(int8_t *rows, const int8_t *image, const itr_blocked_rows *shape,
                            int32_t y);

/* Advances by `step` rows; `y` is the image row that becomes the first. */
void itr_blocked_rows_advance(int8_t *rows, const int8_t *image, const itr_blocked_rows *shape,
                              int32_t y, int32_t step);

#endif
