// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_planes.h"
#include "itr_mve_requantize.h"
#include "itr_mve_rows.h"

enum { ROWS = ITR_ROWS, PITCH = ITR_PITCH, STEP = ITR_STEP, VECTOR = 16, MIDDLE = ROWS / 2 };

void ITR_FUNCTION(const int8_t *in, int8_t *out, void *scratch, const itr_mve_planes *s);

/* The pixels of one channel into the plane. */
static void load(int8_t *plane, const int8_t *in, const itr_mve_planes *s) {
  const uint16x8_t pixels = vmulq_n_u16(vidupq_n_u16(0, 1), (uint16_t)s->channels);
  plane += s->first;
  for (int32_t y = s->rows; y > 0; y--, in += s->in_pitch, plane += PITCH) {
    const int8_t *x = in;
    int8_t *p = plane;
    for (int32_t left = s->columns; left > 0; left -= 8, x += 8 * s->channels, p += 8) {
      const mve_pred16_t live = vctp16q((uint32_t)left);
      vstrbq_p_s16(p, vldrbq_gather_offset_z_s16(x, pixels, live), live);
    }
  }
}

/* `x` is the middle row of the window: all rows are then within reach of one pointer. */
static inline int32_t window(const int8_t *x, const int8x16_t weights[ROWS]) {
  int32_t sum = 0;
#pragma GCC unroll 8
  for (int32_t k = 0; k < ROWS; k++) {
    sum = vmladavaq_s8(sum, vldrbq_s8(x + (k - MIDDLE) * PITCH), weights[k]);
  }
  return sum;
}

static inline int32x4_t codes(int32x4_t sums, itr_mve_channel c, itr_mve_limits to) {
  const int32x4_t v = itr_mve_requantize_channel(sums, c, to.zero);
#if ITR_FULL
  return itr_mve_clamp_int8(v);
#else
  return itr_mve_clamp(v, to);
#endif
}

/* All outputs of a channel, four of a row at a time. */
static void convolve(const int8_t *plane, int8_t *out, const int8_t *record,
                     const itr_mve_planes *s) {
  const int32_t *r = (const int32_t *)(const void *)(record + ROWS * VECTOR);
  const itr_mve_channel c = {r[0], r[1], r[2], r[3]};
  const itr_mve_limits to = s->to;
  const uint32x4_t targets = vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)s->channels);
  int8x16_t weights[ROWS];
#pragma GCC unroll 8
  for (int32_t k = 0; k < ROWS; k++) {
    weights[k] = vldrbq_s8(record + k * VECTOR);
  }
  const int8_t *row = plane + MIDDLE * PITCH;
  for (int32_t y = s->out_h; y > 0; y--, row += ITR_STEP_Y * PITCH, out += s->out_w * s->channels) {
    const int8_t *x = row;
    int8_t *o = out;
    for (int32_t left = s->out_w; left > 0; left -= 4, x += 4 * STEP, o += 4 * s->channels) {
      const int32x4_t sums = {window(x, weights), window(x + STEP, weights),
                              window(x + 2 * STEP, weights), window(x + 3 * STEP, weights)};
      vstrbq_scatter_offset_p_s32(o, targets, codes(sums, c, to), vctp32q((uint32_t)left));
    }
  }
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, void *scratch, const itr_mve_planes *s) {
  const int8_t *record = s->records;
  itr_mve_fill(scratch, s->fill, s->plane_bytes);
  for (int32_t channel = s->channels; channel > 0; channel--, in++, out++) {
    load(scratch, in, s);
    convolve(scratch, out, record, s);
    record += ROWS * VECTOR + (int32_t)sizeof(itr_mve_channel);
  }
}
