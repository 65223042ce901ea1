// SPDX-License-Identifier: Apache-2.0
/* Which taps of a window lie inside the input. */
#ifndef INTARSIA_WINDOW_H
#define INTARSIA_WINDOW_H

#include <stdint.h>

/* Taps first <= k < last along one axis. */
typedef struct {
  int32_t first, last;
} itr_taps;

/* The taps k of [0, kernel) for which 0 <= origin + k * dilation < size. */
static inline itr_taps itr_taps_inside(int32_t origin, int32_t kernel, int32_t dilation,
                                       int32_t size) {
  itr_taps taps = {0, kernel};
  while (taps.first < kernel && origin + taps.first * dilation < 0) {
    taps.first++;
  }
  while (taps.last > taps.first && origin + (taps.last - 1) * dilation >= size) {
    taps.last--;
  }
  return taps;
}

#endif
