// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_outer.h"

#include <stddef.h>
#include <string.h>

/* Memory of a call, and whether its windows are the pixels in their places. */
typedef struct {
  uint32_t *buffer;
  uint8_t *detour;
  uint8_t *border; /* a pixel of zero points */
  uint8_t *tails;  /* copies of pixels that end within a word */
  int32_t pointwise;
} memory;

/* A window's first cell; may lie outside the input. */
typedef struct {
  int32_t y, x;
} corner;

/* Whether every window is the pixel in its place. */
static int32_t pointwise(const itr_conv_2d_packed_params *p) {
  return p->kernel_h * p->kernel_w == 1 && p->stride_h == 1 && p->stride_w == 1 &&
         p->pad_top == 0 && p->pad_left == 0 && p->in_h == p->out_h && p->in_w == p->out_w;
}

/* Writes the start of a chunk's sums before its words. */
static void close_chunk(const itr_dsp_outer *layer, uint32_t *start, uint32_t words,
                        const uint32_t sums[ITR_DSP_OUTER_GROUPS]) {
  for (int32_t g = 0; g < ITR_DSP_OUTER_GROUPS; g++) {
    start[g] = layer->lead + layer->start * words - layer->excess * sums[g];
  }
}

/* A block of output pixels: the corners of their windows, or where windows are pixels (1x1) the
 * first of them. */
typedef struct {
  const corner *corners;
  const uint8_t *pixels;
  int32_t count;
} block;

/* A pixel of whole words: itself, or a copy. */
static const uint8_t *whole_words(const itr_dsp_outer *layer, const uint8_t *cell, int32_t k,
                                  const memory *m) {
  if ((layer->run_bytes & 3) == 0) {
    return cell;
  }
  return memcpy(m->tails + 4 * k * layer->words, cell, (size_t)layer->run_bytes);
}

/* Neighbouring pixels; the last one is repeated. */
static void list_cells(const itr_dsp_outer *layer, const block *b, const memory *m,
                       const uint8_t **cells) {
  const uint8_t *cell = b->pixels;
  for (int32_t k = 0; k < ITR_DSP_OUTER_GROUPS * layer->lanes; k++) {
    cells[k] = whole_words(layer, cell, k, m);
    cell += k + 1 < b->count ? layer->run_bytes : 0;
  }
}

/* The pixels under one tap of all windows. */
static void find_cells(const itr_dsp_outer *layer, const itr_conv_2d_packed_params *p,
                       const uint8_t *image, const corner *corners, int32_t ky, int32_t kx,
                       const memory *m, const uint8_t **cells) {
  const int32_t dy = ky * p->dilation_h;
  const int32_t dx = kx * p->dilation_w;
  for (int32_t k = 0; k < ITR_DSP_OUTER_GROUPS * layer->lanes; k++) {
    const int32_t y = corners[k].y + dy;
    const int32_t x = corners[k].x + dx;
    const uint8_t *cell = m->border;
    if ((uint32_t)y < (uint32_t)p->in_h && (uint32_t)x < (uint32_t)p->in_w) {
      cell = image + (y * p->in_w + x) * layer->run_bytes;
    }
    cells[k] = whole_words(layer, cell, k, m);
  }
}

/* Expands the windows into the buffer, chunk by chunk. */
static void expand(const itr_dsp_outer *layer, const itr_conv_2d_packed_params *p,
                   const uint8_t *image, const block *b, const memory *m) {
  uint32_t *start = m->buffer;
  uint32_t *words = start + ITR_DSP_OUTER_GROUPS;
  uint32_t sums[ITR_DSP_OUTER_GROUPS] = {0};
  uint32_t expanded = 0;
  int32_t segments = 0;
  for (int32_t tap = 0; tap < p->kernel_h * p->kernel_w; tap++) {
    const uint8_t *cells[ITR_DSP_OUTER_PIXELS];
    if (b->corners == NULL) {
      list_cells(layer, b, m, cells);
    } else {
      find_cells(layer, p, image, b->corners, tap / p->kernel_w, tap % p->kernel_w, m, cells);
    }
    for (int32_t w = 0; w < layer->words; w += layer->segment) {
      const int32_t left = layer->words - w;
      const int32_t count = left < layer->segment ? left : layer->segment;
      if (segments == layer->chunk && layer->lead == 0) {
        close_chunk(layer, start, expanded, sums);
        start = words;
        words += ITR_DSP_OUTER_GROUPS;
        memset(sums, 0, sizeof sums);
        expanded = 0;
        segments = 0;
      }
      for (int32_t g = 0; g < ITR_DSP_OUTER_GROUPS; g++) {
        sums[g] += itr_dsp_expand(cells + g * layer->lanes, words + g, count, layer->expand);
      }
      for (int32_t k = 0; k < ITR_DSP_OUTER_GROUPS * layer->lanes; k++) {
        cells[k] += 4 * count;
      }
      words += ITR_DSP_OUTER_GROUPS * layer->codes * count;
      expanded += (uint32_t)count;
      segments++;
    }
  }
  close_chunk(layer, start, expanded, sums);
}

/* Corners of the windows of `pixels` outputs from `first` on; the one behind `count` is repeated.
 */
static void find_corners(const itr_conv_2d_packed_params *p, int32_t first, int32_t count,
                         int32_t pixels, corner *corners) {
  int32_t y = first / p->out_w;
  int32_t x = first - y * p->out_w;
  for (int32_t k = 0; k < pixels; k++) {
    corners[k].y = y * p->stride_h - p->pad_top;
    corners[k].x = x * p->stride_w - p->pad_left;
    if (k + 1 < count && ++x == p->out_w) {
      x = 0;
      y++;
    }
  }
}

static void compute(const itr_dsp_outer *layer, uint8_t *out, const memory *m) {
  if (layer->fixed != NULL) {
    for (int32_t k = 0; k < ITR_DSP_OUTER_GROUPS * layer->lanes; k++) {
      memcpy(out + k * layer->pitch, layer->fixed, (size_t)layer->pitch);
    }
  }
  for (int32_t r = 0; r < layer->run_count; r++) {
    itr_dsp_outer_product(m->buffer, &layer->runs[r], out + layer->runs[r].first);
  }
}

/* Output pixels [first, first + count) of an image. */
static void multiply(const itr_dsp_outer *layer, const itr_conv_2d_packed_params *p,
                     const uint8_t *image, int32_t first, int32_t count, uint8_t *out,
                     const memory *m) {
  const int32_t pixels = ITR_DSP_OUTER_GROUPS * layer->lanes;
  corner corners[ITR_DSP_OUTER_PIXELS];
  block b = {NULL, image + first * layer->run_bytes, count};
  const int32_t neighbours = m->pointwise;
  if (neighbours && count == pixels && layer->neighbours != NULL) {
    layer->neighbours(b.pixels, m->buffer, &layer->block);
  } else {
    if (!neighbours) {
      find_corners(p, first, count, pixels, corners);
      b.corners = corners;
    }
    expand(layer, p, image, &b, m);
  }
  if (count == pixels && layer->detour == 0) {
    compute(layer, out, m);
    return;
  }
  compute(layer, m->detour, m);
  for (int32_t k = 0; k < count; k++) {
    memcpy(out + k * layer->out_bytes, m->detour + k * layer->pitch, (size_t)layer->out_bytes);
  }
}

void itr_dsp_outer_conv(const itr_dsp_outer *layer, const itr_conv_2d_packed_params *p,
                        const void *in, void *out, void *scratch) {
  memory m = {.buffer = scratch, .pointwise = pointwise(p)};
  m.detour = (uint8_t *)scratch + layer->buffer;
  m.border = m.detour + ITR_DSP_OUTER_PIXELS * layer->pitch;
  m.tails = m.border + 4 * layer->words;
  memset(m.border, layer->zero, (size_t)(4 * layer->words));
  const int32_t at_once = ITR_DSP_OUTER_GROUPS * layer->lanes;
  const int32_t pixels = p->out_h * p->out_w;
  const uint8_t *image = in;
  uint8_t *result = out;
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t i = 0; i < pixels; i += at_once) {
      const int32_t count = pixels - i < at_once ? pixels - i : at_once;
      multiply(layer, p, image, i, count, result + i * layer->out_bytes, &m);
    }
    image += p->in_h * p->in_w * layer->run_bytes;
    result += pixels * layer->out_bytes;
  }
}
