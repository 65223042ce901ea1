// SPDX-License-Identifier: Apache-2.0
/* Sums and greatest codes of eight channels over cells that lie at equal distances, on CV32E40P. */
#ifndef INTARSIA_CELLS_XPULP_H
#define INTARSIA_CELLS_XPULP_H

#include <stdint.h>

#include "intarsia/xpulp.h"

#define ITR_CELL_LANES 8

/* Adds `count` cells, `step` bytes apart, one or more. A dot product with a single 1 picks a byte.
 */
static inline void itr_xpulp_add_cells(const int8_t *cell, int32_t step, int32_t count,
                                       int32_t sums[ITR_CELL_LANES]) {
  uint32_t a;
  uint32_t b;
  const uint32_t first = 1u;
  const uint32_t second = 1u << 8;
  const uint32_t third = 1u << 16;
  const uint32_t fourth = 1u << 24;
  int32_t s0 = sums[0];
  int32_t s1 = sums[1];
  int32_t s2 = sums[2];
  int32_t s3 = sums[3];
  int32_t s4 = sums[4];
  int32_t s5 = sums[5];
  int32_t s6 = sums[6];
  int32_t s7 = sums[7];
  // clang-format off
  __asm__(ITR_LOOP("%[count]", 10)
          "lw %[b], 4(%[cell])\n\t"
          ITR_LOAD_WORD("%[a]", "%[cell]", "%[step]")
          ITR_ADD_DOT("%[s4]", "%[b]", "%[first]")
          ITR_ADD_DOT("%[s5]", "%[b]", "%[second]")
          ITR_ADD_DOT("%[s6]", "%[b]", "%[third]")
          ITR_ADD_DOT("%[s7]", "%[b]", "%[fourth]")
          ITR_ADD_DOT("%[s0]", "%[a]", "%[first]")
          ITR_ADD_DOT("%[s1]", "%[a]", "%[second]")
          ITR_ADD_DOT("%[s2]", "%[a]", "%[third]")
          ITR_ADD_DOT("%[s3]", "%[a]", "%[fourth]")
          ITR_LOOP_END
          : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [s4] "+r"(s4),
            [s5] "+r"(s5), [s6] "+r"(s6), [s7] "+r"(s7), [cell] "+r"(cell), [a] "=&r"(a),
            [b] "=&r"(b)
          : [count] "r"(count), [step] "r"(step), [first] "r"(first), [second] "r"(second),
            [third] "r"(third), [fourth] "r"(fourth)
          : "memory");
  // clang-format on
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
  sums[4] = s4;
  sums[5] = s5;
  sums[6] = s6;
  sums[7] = s7;
}

/* The greatest of `best` and of `count` cells, `step` bytes apart, one or more. */
static inline void itr_xpulp_greatest_cells(const int8_t *cell, int32_t step, int32_t count,
                                            uint32_t best[2]) {
  uint32_t a;
  uint32_t b;
  uint32_t low = best[0];
  uint32_t high = best[1];
  // clang-format off
  __asm__(ITR_LOOP("%[count]", 4)
          "lw %[b], 4(%[cell])\n\t"
          ITR_LOAD_WORD("%[a]", "%[cell]", "%[step]")
          ITR_GREATEST_BYTES("%[high]", "%[high]", "%[b]")
          ITR_GREATEST_BYTES("%[low]", "%[low]", "%[a]")
          ITR_LOOP_END
          : [low] "+r"(low), [high] "+r"(high), [cell] "+r"(cell), [a] "=&r"(a), [b] "=&r"(b)
          : [count] "r"(count), [step] "r"(step)
          : "memory");
  // clang-format on
  best[0] = low;
  best[1] = high;
}

/* The least of each pair of signed bytes. */
static inline uint32_t itr_xpulp_least_bytes(uint32_t a, uint32_t b) {
  uint32_t least;
  __asm__(ITR_LEAST_BYTES("%0", "%1", "%2") : "=r"(least) : "r"(a), "r"(b));
  return least;
}

#endif
