// SPDX-License-Identifier: Apache-2.0
#ifndef ITR_OUTLIERS_H
#define ITR_OUTLIERS_H

#include <stdint.h>
#include <string.h>

/* How many of `length` bytes lie outside the codes `first` to `first + span`, counted modulo 256;
   `span` is below 255. Four at a time: bit 7 of each byte of `beyond` says so. */
static inline int32_t itr_count_outside(const void *values, int32_t length, uint32_t first,
                                        uint32_t span) {
  const uint8_t *bytes = values;
  const uint32_t high = 0x80808080u;
  const uint32_t ones = 0x01010101u;
  const uint32_t from = ones * first;
  int32_t outside = 0;
  for (; length >= 4; length -= 4, bytes += 4) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    const uint32_t distance = ((word | high) - (from & ~high)) ^ ((word ^ ~from) & high);
    const uint32_t low = distance & ~high;
    const uint32_t beyond = span < 128u ? (low + ones * (127u - span)) | distance
                                        : (low + ones * (255u - span)) & distance;
    outside += (int32_t)((((beyond & high) >> 7) * ones) >> 24);
  }
  for (int32_t i = 0; i < length; i++) {
    outside += ((bytes[i] - first) & 255u) > span;
  }
  return outside;
}

#endif
