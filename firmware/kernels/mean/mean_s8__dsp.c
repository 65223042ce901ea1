// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/fixedpoint.h"
#include "intarsia/mean.h"

enum { LANES = 4, CELLS_PER_HALF = 255 };

static int8_t code_of(const itr_mean_s8_params *p, int32_t sum) {
  const int32_t centred = sum - p->in_zero * p->reduced_0 * p->reduced_1;
  const int32_t code = itr_scale(centred, p->multiplier, p->shift) + p->out_zero;
  return (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
}

/* Adds up to CELLS_PER_HALF cells of four channels, `pitch` bytes apart, in halves. */
static void add_cells(const int8_t *cell, int32_t pitch, int32_t count, int32_t sums[LANES]) {
  uint32_t even = 0;
  uint32_t odd = 0;
  for (const int8_t *const end = cell + count * pitch; cell != end; cell += pitch) {
    uint32_t word;
    memcpy(&word, cell, sizeof word);
    __asm__("sxtab16 %0, %0, %1" : "+r"(even) : "r"(word));
    __asm__("sxtab16 %0, %0, %1, ror #8" : "+r"(odd) : "r"(word));
  }
  sums[0] += (int16_t)even;
  sums[1] += (int16_t)odd;
  sums[2] += (int16_t)(even >> 16);
  sums[3] += (int16_t)(odd >> 16);
}

static void four_channels(const itr_mean_s8_params *p, const int8_t *x, int8_t *out) {
  int32_t sums[LANES] = {0};
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1 * p->kept_2) {
    for (int32_t r1 = 0; r1 < p->reduced_1; r1 += CELLS_PER_HALF) {
      const int32_t left = p->reduced_1 - r1;
      add_cells(x + r1 * p->kept_2, p->kept_2, left < CELLS_PER_HALF ? left : CELLS_PER_HALF, sums);
    }
  }
  for (int32_t k = 0; k < LANES; k++) {
    out[k] = code_of(p, sums[k]);
  }
}

static int8_t one_channel(const itr_mean_s8_params *p, const int8_t *x) {
  int32_t sum = 0;
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1 * p->kept_2) {
    const int8_t *cell = x;
    for (int32_t r1 = 0; r1 < p->reduced_1; r1++, cell += p->kept_2) {
      sum += *cell;
    }
  }
  return code_of(p, sum);
}

void itr_mean_s8__dsp(const itr_mean_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int8_t *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++, out += p->kept_2) {
      const int8_t *line = block + k1 * p->reduced_1 * p->kept_2;
      int32_t c = 0;
      for (; c + LANES <= p->kept_2; c += LANES) {
        four_channels(p, line + c, out + c);
      }
      for (; c < p->kept_2; c++) {
        out[c] = one_channel(p, line + c);
      }
    }
  }
}
