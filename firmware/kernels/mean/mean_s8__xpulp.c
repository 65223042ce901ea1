// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/cells_xpulp.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/mean.h"

enum { WORD = 4 };

static int8_t code_of(const itr_mean_s8_params *p, int32_t sum) {
  const int32_t centred = sum - p->in_zero * p->reduced_0 * p->reduced_1;
  const int32_t code = itr_scale(centred, p->multiplier, p->shift) + p->out_zero;
  return (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
}

/* Bytes between the blocks that are reduced together. */
static int32_t block_bytes(const itr_mean_s8_params *p) {
  return p->kept_1 * p->reduced_1 * p->kept_2;
}

static void eight_channels(const itr_mean_s8_params *p, const int8_t *x, int8_t *out) {
  int32_t sums[ITR_CELL_LANES] = {0};
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++) {
    itr_xpulp_add_cells(x + r0 * block_bytes(p), p->kept_2, p->reduced_1, sums);
  }
  for (int32_t k = 0; k < ITR_CELL_LANES; k++) {
    out[k] = code_of(p, sums[k]);
  }
}

/* The sum of codes that lie together. */
static int32_t sum_of_run(const int8_t *x, int32_t count) {
  const uint32_t ones = 0x01010101u;
  int32_t sum = 0;
  for (; count >= WORD; count -= WORD, x += WORD) {
    uint32_t word;
    memcpy(&word, x, sizeof word);
    __asm__(ITR_ADD_DOT("%0", "%1", "%2") : "+r"(sum) : "r"(word), "r"(ones));
  }
  for (; count > 0; count--) {
    sum += *x++;
  }
  return sum;
}

static int8_t one_channel(const itr_mean_s8_params *p, const int8_t *x) {
  int32_t sum = 0;
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += block_bytes(p)) {
    if (p->kept_2 == 1) {
      sum += sum_of_run(x, p->reduced_1);
      continue;
    }
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++) {
      sum += x[r1 * p->kept_2];
    }
  }
  return code_of(p, sum);
}

void itr_mean_s8__xpulp(const itr_mean_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int8_t *block = in + k0 * p->reduced_0 * block_bytes(p);
    for (int32_t k1 = 0; k1 < p->kept_1; k1++, out += p->kept_2) {
      const int8_t *line = block + k1 * p->reduced_1 * p->kept_2;
      int32_t c = 0;
      for (; c + ITR_CELL_LANES <= p->kept_2; c += ITR_CELL_LANES) {
        eight_channels(p, line + c, out + c);
      }
      for (; c < p->kept_2; c++) {
        out[c] = one_channel(p, line + c);
      }
    }
  }
}
