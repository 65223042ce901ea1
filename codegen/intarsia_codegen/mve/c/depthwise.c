// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_depthwise.h"
#include "itr_mve_requantize.h"
#include "itr_mve_rows.h"

enum { RECORD = 9, SCALARS = 5 };

void ITR_FUNCTION(const int8_t *in, int8_t *out, void *scratch, const itr_mve_depthwise *s);

static inline itr_mve_channel channel_of(const int32_t *record) {
  const int32_t *r = record + SCALARS;
  return (itr_mve_channel){r[0], r[1], r[2], r[3]};
}

/* ITR_FULL is 1 when the limits of the output are those of int8. */
static inline int32x4_t requantize(int32x4_t sums, itr_mve_channel c, itr_mve_limits to) {
  const int32x4_t v = itr_mve_requantize_channel(sums, c, to.zero);
#if ITR_FULL
  return itr_mve_clamp_int8(v);
#else
  return itr_mve_clamp(v, to);
#endif
}

static inline int8x16_t window(const int8_t *quads, uint32x4_t columns) {
  return vreinterpretq_s8_s32(
      vldrwq_gather_offset_s32((const int32_t *)(const void *)quads, columns));
}

/* Byte offsets 0, step, 2 * step, 3 * step. */
static inline uint32x4_t ramp(int32_t step) {
  return vmulq_n_u32(vidupq_n_u32(0, 1), (uint32_t)step);
}

/* One row of outputs, four at a time. */
__attribute__((noinline)) static void row(const int8_t *quads, int8_t *out,
                                          const itr_mve_depthwise *s) {
  const itr_mve_limits to = s->to;
  const int32_t channels = s->channels;
  const int32_t out_w = s->out_w;
  const int32_t step = 4 * s->stride_w * channels;
  const uint32x4_t first = ramp(4 * s->dilation_w * channels);
  const uint32x4_t second = vaddq_n_u32(first, (uint32_t)step);
  const uint32x4_t third = vaddq_n_u32(second, (uint32_t)step);
  const uint32x4_t fourth = vaddq_n_u32(third, (uint32_t)step);
  const uint32x4_t targets = ramp(channels);
  const int32_t *r = s->records;
  for (const int8_t *end = out + channels; out != end; out++, quads += 4, r += RECORD) {
    const int8x16_t weights = vreinterpretq_s8_s32(vldrwq_s32(r + 1));
    const itr_mve_channel c = channel_of(r);
    const int8_t *q = quads;
    int8_t *o = out;
    for (int32_t left = out_w; left > 0; left -= 4, q += 4 * step, o += 4 * channels) {
      const int32x4_t v = {
          vmladavq_s8(window(q, first), weights), vmladavq_s8(window(q, second), weights),
          vmladavq_s8(window(q, third), weights), vmladavq_s8(window(q, fourth), weights)};
      vstrbq_scatter_offset_p_s32(o, targets, requantize(v, c, to), vctp32q((uint32_t)left));
    }
  }
}

/* Two rows of outputs of 3x3 windows of stride 1, two by two; a last odd column goes with the one
 * before it. Layers with the limits of int8 have it in assembler. */
#if ITR_FULL
void ITR_SQUARE(const int8_t *quads, int8_t *out, const itr_mve_depthwise *s);
#define two_rows ITR_SQUARE
#else
/* The four weight vectors of a channel: the window itself, one column on, one row on, and both. */
typedef struct {
  int8x16_t here, right, below, beyond;
} taps;

static inline int32x4_t square(int8x16_t x, taps w, itr_mve_channel c, itr_mve_limits to) {
  const int32x4_t v = {vmladavq_s8(x, w.here), vmladavq_s8(x, w.right), vmladavq_s8(x, w.below),
                       vmladavq_s8(x, w.beyond)};
  return requantize(v, c, to);
}

static inline int8x16_t one_row_on(int8x16_t w) {
  return vreinterpretq_s8_u32(vshlq_n_u32(vreinterpretq_u32_s8(w), 8));
}

__attribute__((noinline)) static void two_rows(const int8_t *quads, int8_t *out,
                                               const itr_mve_depthwise *s) {
  const itr_mve_limits to = s->to;
  const int32_t channels = s->channels;
  const int32_t pairs = s->out_w / 2;
  const int32_t odd = s->out_w % 2;
  const uint32x4_t columns = ramp(4 * channels);
  const uint32x4_t index = vidupq_n_u32(0, 1);
  const uint32x4_t across = vmulq_n_u32(vandq_u32(index, vdupq_n_u32(1)), (uint32_t)channels);
  const uint32x4_t down = vmulq_n_u32(vshrq_n_u32(index, 1), (uint32_t)(s->out_w * channels));
  const uint32x4_t targets = vaddq_u32(across, down);
  const int32_t *r = s->records;
  for (const int8_t *end = out + channels; out != end; out++, quads += 4, r += RECORD) {
    taps w = {vreinterpretq_s8_s32(vldrwq_s32(r + 1)), vreinterpretq_s8_s32(vldrwq_s32(r)),
              vdupq_n_s8(0), vdupq_n_s8(0)};
    w.below = one_row_on(w.here);
    w.beyond = one_row_on(w.right);
    const itr_mve_channel c = channel_of(r);
    const int8_t *q = quads;
    int8_t *o = out;
    for (int32_t i = pairs; i > 0; i--, q += 8 * channels, o += 2 * channels) {
      vstrbq_scatter_offset_s32(o, targets, square(window(q, columns), w, c, to));
    }
    if (odd) {
      const int32x4_t v = square(window(q - 4 * channels, columns), w, c, to);
      vstrbq_scatter_offset_s32(o - channels, targets, v);
    }
  }
}

#endif

/* Interleaves the four image rows from `y` on; rows outside the image are `blank`, rows before
 * `kept` are `saved`. */
static void load(int8_t *quads, const int8_t *in, const int8_t *blank, const int8_t *saved,
                 const itr_mve_depthwise *s, int32_t y, int32_t kept) {
  const int32_t before = s->left > 0 ? s->left : 0;
  const int32_t skipped = before - s->left;
  const int32_t room = s->columns - before;
  const int32_t there = s->in_w - skipped;
  const int32_t bytes = (there < room ? there : room) * s->channels;
  const int8_t *rows[4];
  for (int32_t k = 0; k < 4; k++, y += s->dilation_h) {
    if (y < 0 || y >= s->in_h) {
      rows[k] = blank;
    } else {
      rows[k] = (y < kept ? saved : in + y * s->in_w * s->channels) + skipped * s->channels;
    }
  }
  itr_mve_interleave(quads + 4 * before * s->channels, rows, bytes);
  const int32_t end = before * s->channels + bytes;
  itr_mve_fill(quads + 4 * end, s->fill, 4 * (s->columns * s->channels - end));
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, void *scratch, const itr_mve_depthwise *s) {
  const int32_t bytes = s->in_w * s->channels;
  int8_t *quads = scratch;
  int8_t *blank = quads + s->quads;
  int8_t *saved = blank + (bytes + 15) / 16 * 16;
  const int32_t pairs = s->square && s->out_w > 1;
  itr_mve_fill(blank, s->fill, bytes);
  itr_mve_fill(quads, s->fill, 4 * s->left * s->channels);
  for (int32_t y = 0; y < s->out_h;) {
    const int32_t two = pairs && y + 1 < s->out_h;
    load(quads, in, blank, saved, s, y * s->stride_h - s->pad_top, s->shared ? y : 0);
    if (s->shared) { /* the outputs may overwrite a row that the next ones need */
      itr_mve_copy(saved, in + (y + two) * bytes, bytes);
    }
    if (two) {
      two_rows(quads, out, s);
    } else {
      row(quads, out, s);
    }
    out += (1 + two) * s->out_w * s->channels;
    y += 1 + two;
  }
}
