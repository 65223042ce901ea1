// SPDX-License-Identifier: Apache-2.0
/* Requantization of four accumulators. A source that includes this defines which steps its layers
 * need: ITR_LEFT is 1 when accumulators are shifted left first; ITR_TIES says which way ties of the
 * division go, where that matters. */
#ifndef ITR_MVE_REQUANTIZE_H
#define ITR_MVE_REQUANTIZE_H

#include <arm_mve.h>

#include "itr_mve_limits.h"

#define ITR_TIES_UP 0           /* towards +infinity: negative values are clamped away */
#define ITR_TIES_AWAY 1         /* away from zero; every right shift is at least 1 */
#define ITR_TIES_AWAY_SHIFTED 2 /* away from zero; some right shifts are 0 and do not round */

/* One vector each for the four channels of a block; bias is shifted left already, right is 0 or
 * negative. */
typedef struct {
  int32x4_t bias, multiplier, right, left;
} itr_mve_vectors;

static inline itr_mve_vectors itr_mve_load(const void *vectors) {
  const int32_t *v = vectors;
  return (itr_mve_vectors){vldrwq_s32(v), vldrwq_s32(v + 4), vldrwq_s32(v + 8), vldrwq_s32(v + 12)};
}

/* The vectors of `itr_mve_load` and what follows them. */
#define ITR_MVE_VECTOR_BYTES 64

/* Quotients by 2^-right, from the high halves of products. */
static inline int32x4_t itr_mve_divide(int32x4_t high, int32x4_t right) {
#if ITR_TIES == ITR_TIES_AWAY
  high = vaddq_s32(high, vshrq_n_s32(high, 31));
#elif ITR_TIES == ITR_TIES_AWAY_SHIFTED
  high = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, right), 31));
#endif
  return vrshlq_s32(high, right);
}

/* What the sum of one of the channels of `itr_mve_load` may start from: its bias, if that is not
 * shifted. */
static inline int32_t itr_mve_start(const void *vectors, int32_t channel) {
#if ITR_LEFT
  (void)vectors;
  (void)channel;
  return 0;
#else
  return ((const int32_t *)vectors)[channel];
#endif
}

/* Codes, not clamped, of sums of four channels that began with `itr_mve_start`. */
static inline int32x4_t itr_mve_requantize_started(int32x4_t sums, itr_mve_vectors c,
                                                   int32_t zero) {
#if ITR_LEFT
  sums = vaddq_s32(vshlq_s32(sums, c.left), c.bias);
#endif
  return vaddq_n_s32(itr_mve_divide(vqrdmulhq_s32(sums, c.multiplier), c.right), zero);
}

/* Codes, not clamped, of sums of four channels. */
static inline int32x4_t itr_mve_requantize(int32x4_t sums, itr_mve_vectors c, int32_t zero) {
#if ITR_LEFT
  sums = vshlq_s32(sums, c.left);
#endif
  const int32x4_t high = vqrdmulhq_s32(vaddq_s32(sums, c.bias), c.multiplier);
  return vaddq_n_s32(itr_mve_divide(high, c.right), zero);
}

/* The same scalars for four sums of one channel; bias is not shifted. */
typedef struct {
  int32_t bias, multiplier, right, left;
} itr_mve_channel;

/* Codes, not clamped, of four sums of one channel. */
static inline int32x4_t itr_mve_requantize_channel(int32x4_t sums, itr_mve_channel c,
                                                   int32_t zero) {
  sums = vaddq_n_s32(sums, c.bias);
#if ITR_LEFT
  sums = vshlq_r_s32(sums, c.left);
#endif
  int32x4_t high = vqrdmulhq_n_s32(sums, c.multiplier);
#if ITR_TIES == ITR_TIES_AWAY
  high = vaddq_s32(high, vshrq_n_s32(high, 31));
#elif ITR_TIES == ITR_TIES_AWAY_SHIFTED
  high = vaddq_s32(high, vshrq_n_s32(vandq_s32(high, vdupq_n_s32(c.right)), 31));
#endif
  return vaddq_n_s32(vrshlq_n_s32(high, c.right), zero);
}

static inline int32x4_t itr_mve_clamp(int32x4_t v, itr_mve_limits to) {
  return vminq_s32(vmaxq_s32(v, vdupq_n_s32(to.minimum)), vdupq_n_s32(to.maximum));
}

/* Clamps to int8, by two saturating narrowings. */
static inline int32x4_t itr_mve_clamp_int8(int32x4_t v) {
  const int16x8_t halves = vqmovnbq_s32(vreinterpretq_s16_s32(v), v);
  return vreinterpretq_s32_s8(vqmovnbq_s16(vreinterpretq_s8_s16(halves), halves));
}

#endif
