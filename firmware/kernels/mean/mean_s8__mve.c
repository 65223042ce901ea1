// SPDX-License-Identifier: Apache-2.0
#include "intarsia/mean.h"
#include "intarsia/scale_mve.h"

enum { LANES = 16, CELLS_PER_HALF = 255 };

/* Sums of sixteen channels: of the first eight the even and the odd ones, then of the others. */
typedef struct {
  int32x4_t of[4];
} sums16;

static void add_halves(sums16 *sum, int32_t at, int16x8_t half) {
  sum->of[at] = vaddq_s32(sum->of[at], vmovlbq_s16(half));
  sum->of[at + 1] = vaddq_s32(sum->of[at + 1], vmovltq_s16(half));
}

/* `low` and `high` say which channels are there. */
static inline sums16 sums(const itr_mean_s8_params *p, const int8_t *x, mve_pred16_t low,
                          mve_pred16_t high, int whole) {
  const int32_t pitch = p->kept_2;
  sums16 sum = {{vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)}};
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1 * pitch) {
    const int8_t *cell = x;
    for (int32_t left = p->reduced_1; left > 0; left -= CELLS_PER_HALF) {
      int16x8_t first = vdupq_n_s16(0);
      int16x8_t second = vdupq_n_s16(0);
      for (int32_t k = left < CELLS_PER_HALF ? left : CELLS_PER_HALF; k > 0; k--, cell += pitch) {
        first = vaddq_s16(first, whole ? vldrbq_s16(cell) : vldrbq_z_s16(cell, low));
        second = vaddq_s16(second, whole ? vldrbq_s16(cell + 8) : vldrbq_z_s16(cell + 8, high));
      }
      add_halves(&sum, 0, first);
      add_halves(&sum, 2, second);
    }
  }
  return sum;
}

static int32x4_t codes(const itr_mean_s8_params *p, int32x4_t sum, int32_t zeros) {
  const int32x4_t scaled =
      itr_mve_scaled(vsubq_n_s32(sum, zeros), p->multiplier, p->shift, p->out_zero);
  return vminq_s32(vmaxq_s32(scaled, vdupq_n_s32(INT8_MIN)), vdupq_n_s32(INT8_MAX));
}

/* The sum of runs of neighbours (kept_2 is 1). */
static int32_t sum_of_runs(const itr_mean_s8_params *p, const int8_t *x) {
  int32_t sum = 0;
  for (int32_t r0 = 0; r0 < p->reduced_0; r0++, x += p->kept_1 * p->reduced_1) {
    for (int32_t k = 0; k < p->reduced_1; k += 16) {
      const mve_pred16_t some = vctp8q((uint32_t)(p->reduced_1 - k));
      sum = vaddvaq_p_s8(sum, vldrbq_z_s8(x + k, some), some);
    }
  }
  return sum;
}

static int16x8_t codes8(const itr_mean_s8_params *p, int32x4_t even, int32x4_t odd, int32_t zeros) {
  return vmovntq_s32(vmovnbq_s32(vdupq_n_s16(0), codes(p, even, zeros)), codes(p, odd, zeros));
}

static void channels(const itr_mean_s8_params *p, const int8_t *x, int8_t *out) {
  const int32_t zeros = p->in_zero * p->reduced_0 * p->reduced_1;
  for (int32_t c = 0; c < p->kept_2; c += LANES) {
    const int32_t left = p->kept_2 - c;
    const mve_pred16_t low = vctp16q((uint32_t)left);
    const mve_pred16_t high = vctp16q((uint32_t)(left > 8 ? left - 8 : 0));
    const sums16 sum = left >= LANES ? sums(p, x + c, low, high, 1) : sums(p, x + c, low, high, 0);
    vstrbq_p_s16(out + c, codes8(p, sum.of[0], sum.of[1], zeros), low);
    vstrbq_p_s16(out + c + 8, codes8(p, sum.of[2], sum.of[3], zeros), high);
  }
}

void itr_mean_s8__mve(const itr_mean_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t k0 = 0; k0 < p->kept_0; k0++) {
    const int8_t *block = in + k0 * p->reduced_0 * p->kept_1 * p->reduced_1 * p->kept_2;
    for (int32_t k1 = 0; k1 < p->kept_1; k1++, out += p->kept_2) {
      const int8_t *line = block + k1 * p->reduced_1 * p->kept_2;
      if (p->kept_2 > 1) {
        channels(p, line, out);
        continue;
      }
      const int32x4_t sum = vdupq_n_s32(sum_of_runs(p, line));
      const int32x4_t code = codes(p, sum, p->in_zero * p->reduced_0 * p->reduced_1);
      *out = (int8_t)vgetq_lane_s32(code, 0);
    }
  }
}
