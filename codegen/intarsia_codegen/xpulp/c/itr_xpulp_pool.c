// SPDX-License-Identifier: Apache-2.0
#include "itr_xpulp_pool.h"

#include <string.h>

#include "intarsia/cells_xpulp.h"
#include "intarsia/window.h"

/* The part of a window that lies inside the input: its first cell, bytes between its rows. */
typedef struct {
  const int8_t *first;
  int32_t rows, columns, pitch;
} window;

/* The extents that both kinds of pooling have. */
typedef struct {
  int32_t in_h, in_w, in_c, kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
} extents;

#define EXTENTS(p)                                                                                 \
  {(p)->in_h,     (p)->in_w,     (p)->in_c,    (p)->kernel_h, (p)->kernel_w,                       \
   (p)->stride_h, (p)->stride_w, (p)->pad_top, (p)->pad_left}

static window window_at(const extents *e, const int8_t *image, int32_t y, int32_t x) {
  const int32_t top = y * e->stride_h - e->pad_top;
  const int32_t left = x * e->stride_w - e->pad_left;
  const itr_taps rows = itr_taps_inside(top, e->kernel_h, 1, e->in_h);
  const itr_taps columns = itr_taps_inside(left, e->kernel_w, 1, e->in_w);
  const int32_t pitch = e->in_w * e->in_c;
  return (window){image + (top + rows.first) * pitch + (left + columns.first) * e->in_c,
                  rows.last - rows.first, columns.last - columns.first, pitch};
}

/* Eight channels from c on, or the last ones. */
static int32_t group_start(int32_t c, int32_t channels) {
  return c < channels - ITR_CELL_LANES ? c : channels - ITR_CELL_LANES;
}

void itr_xpulp_max_pool(const itr_max_pool_2d_s8_params *p, const int8_t *in, int8_t *out) {
  const extents e = EXTENTS(p);
  const uint32_t minimum = (uint32_t)(p->minimum & 0xff) * 0x01010101u;
  const uint32_t maximum = (uint32_t)(p->maximum & 0xff) * 0x01010101u;
  for (int32_t n = 0; n < p->batch; n++, in += p->in_h * p->in_w * p->in_c) {
    for (int32_t i = 0; i < p->out_h * p->out_w; i++, out += p->in_c) {
      const window w = window_at(&e, in, i / p->out_w, i % p->out_w);
      for (int32_t c = 0; c < p->in_c; c += ITR_CELL_LANES) {
        const int32_t channel = group_start(c, p->in_c);
        uint32_t best[2] = {minimum, minimum};
        for (int32_t row = 0; row < w.rows; row++) {
          itr_xpulp_greatest_cells(w.first + channel + row * w.pitch, p->in_c, w.columns, best);
        }
        best[0] = itr_xpulp_least_bytes(best[0], maximum);
        best[1] = itr_xpulp_least_bytes(best[1], maximum);
        memcpy(out + channel, best, sizeof best);
      }
    }
  }
}

/* For magnitudes below 2**16 and as many cells, two or more: the magnitude * this >> 32 is the
 * magnitude / cells, since what is too much times the magnitude stays below 2**32. */
static uint32_t reciprocal(int32_t cells) {
  return UINT32_MAX / (uint32_t)cells + 1u;
}

static int8_t average(const itr_average_pool_2d_s8_params *p, int32_t sum, int32_t cells,
                      uint32_t factor) {
  const int32_t total = sum + p->offset * cells;
  const uint32_t magnitude = (uint32_t)(total < 0 ? -total : total) + (uint32_t)cells / 2u;
  const uint32_t quotient = magnitude >> 16 == 0u && factor != 0u
                                ? (uint32_t)((uint64_t)magnitude * factor >> 32)
                                : magnitude / (uint32_t)cells;
  const int32_t code = (total < 0 ? -(int32_t)quotient : (int32_t)quotient) - p->offset;
  return (int8_t)(code < p->minimum ? p->minimum : code > p->maximum ? p->maximum : code);
}

void itr_xpulp_average_pool(const itr_average_pool_2d_s8_params *p, const int8_t *in, int8_t *out) {
  const extents e = EXTENTS(p);
  for (int32_t n = 0; n < p->batch; n++, in += p->in_h * p->in_w * p->in_c) {
    for (int32_t i = 0; i < p->out_h * p->out_w; i++, out += p->in_c) {
      const window w = window_at(&e, in, i / p->out_w, i % p->out_w);
      const int32_t inside = w.rows * w.columns;
      const int32_t cells = inside > 0 ? inside : 1; /* there is one always */
      const uint32_t factor = cells < 1 << 16 ? reciprocal(cells) : 0u;
      for (int32_t c = 0; c < p->in_c; c += ITR_CELL_LANES) {
        const int32_t channel = group_start(c, p->in_c);
        int32_t sums[ITR_CELL_LANES] = {0};
        for (int32_t row = 0; row < w.rows; row++) {
          itr_xpulp_add_cells(w.first + channel + row * w.pitch, p->in_c, w.columns, sums);
        }
        for (int32_t k = 0; k < ITR_CELL_LANES; k++) {
          out[channel + k] = average(p, sums[k], cells, factor);
        }
      }
    }
  }
}
