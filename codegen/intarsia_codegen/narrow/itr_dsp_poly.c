// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_poly.h"

#include <string.h>

enum { ROWS = ITR_DSP_POLY_ROWS, BLOCKS = ITR_DSP_POLY_BLOCKS, LANES = ITR_DSP_POLY_LANES };

/* Memory of a call, for rows of `columns` input pixels in `groups` groups of blocks. */
typedef struct {
  int32_t groups, columns;
  int32_t row_words; /* activation words of a row */
  int32_t sum_words; /* sums of a row */
  uint32_t *ring;    /* three rows of activation words */
  int32_t *totals;   /* sums of the codes of every pixel of three rows */
  uint32_t *first;   /* what the products of every block start from, if windows are one chunk */
  uint32_t *start;   /* sums before the first product */
  uint32_t *sums;    /* of two channels */
  uint8_t *border;   /* a pixel of zero points */
  uint8_t *tails;    /* copies of pixels that end within a word */
  uint8_t *out;      /* a row of outputs */
} memory;

static int32_t slot_words(const itr_dsp_poly *layer) {
  return layer->lanes == 2 ? 2 : 4;
}

static memory place(const itr_dsp_poly *layer, int32_t groups, void *scratch) {
  memory m = {.groups = groups, .columns = groups * BLOCKS * layer->lanes};
  m.row_words = groups * BLOCKS * layer->words * layer->codes;
  m.sum_words = ((groups * BLOCKS + 1) * slot_words(layer) + 7) & ~7;
  m.start = scratch;
  m.sums = m.start + m.sum_words;
  m.ring = m.sums + 2 * m.sum_words;
  m.totals = (int32_t *)(m.ring + ROWS * m.row_words);
  m.first = (uint32_t *)m.totals + ROWS * m.columns;
  m.border = (uint8_t *)(m.first + (layer->whole ? groups * BLOCKS : 0));
  m.tails = m.border + 4 * layer->words;
  m.out = m.tails + layer->lanes * 4 * layer->words;
  return m;
}

/* Expands pixels to words, and gives the sum of the codes of each, counted from the lowest: so many
 * words at a time that the sum of words has them in its fields. */
static void expand_block(const itr_dsp_poly *layer, const uint8_t *cells[LANES], uint32_t *words,
                         int32_t *totals) {
  for (int32_t k = 0; k < layer->lanes; k++) {
    totals[k] = 0;
  }
  for (int32_t left = layer->words; left > 0; left -= layer->part) {
    const int32_t count = left < layer->part ? left : layer->part;
    uint32_t sum = itr_dsp_expand(cells, words, count, layer->expand);
    words += BLOCKS * layer->codes * count;
    for (int32_t k = 0; k < layer->lanes; k++) {
      totals[k] += (int32_t)(sum & ((1u << layer->spacing) - 1));
      sum >>= layer->spacing;
      cells[k] += 4 * count;
    }
  }
}

/* Expands input row y, from column -pad_left, into a place of the ring. */
static void expand_row(const itr_dsp_poly *layer, const itr_conv_2d_packed_params *p,
                       const uint8_t *image, int32_t y, int32_t place_of, const memory *m) {
  uint32_t *group = m->ring + place_of * m->row_words;
  int32_t *totals = m->totals + place_of * m->columns;
  int32_t x = -p->pad_left;
  for (int32_t block = 0; block < m->groups * BLOCKS; block++) {
    const uint8_t *cells[LANES];
    for (int32_t k = 0; k < layer->lanes; k++, x++) {
      const uint8_t *cell = m->border;
      if ((uint32_t)y < (uint32_t)p->in_h && (uint32_t)x < (uint32_t)p->in_w) {
        cell = image + (y * p->in_w + x) * layer->run_bytes;
        if ((layer->run_bytes & 3) != 0) {
          cell = memcpy(m->tails + 4 * k * layer->words, cell, (size_t)layer->run_bytes);
        }
      }
      cells[k] = cell;
    }
    expand_block(layer, cells, group + block % BLOCKS, totals);
    totals += layer->lanes;
    if (block % BLOCKS == BLOCKS - 1) {
      group += BLOCKS * layer->words * layer->codes;
    }
  }
}

/* What the excess of the weights takes from the output in column x; `columns`: sums of codes over
 * three rows. */
static uint32_t correction(const itr_dsp_poly *layer, const memory *m, const uint32_t *columns,
                           int32_t x) {
  if (x < 0 || x + 2 >= m->columns) {
    return 0;
  }
  return 0u - (uint32_t)layer->excess * (columns[x] + columns[x + 1] + columns[x + 2]);
}

/* Fields before the first product of blocks of two pixels, for windows of one chunk. */
static void make_first(const itr_dsp_poly *layer, const memory *m, const uint32_t *columns) {
  for (int32_t block = 0; block < m->groups * BLOCKS; block++) {
    const uint32_t even = (uint32_t)layer->lead - (uint32_t)layer->excess * columns[2 * block];
    const uint32_t odd = (uint32_t)layer->lead - (uint32_t)layer->excess * columns[2 * block + 1];
    m->first[block] = even + (odd << layer->spacing);
  }
}

static void make_start(const itr_dsp_poly *layer, const memory *m) {
  uint32_t *start = m->start;
  uint32_t *columns = m->sums; /* not in use yet */
  for (int32_t x = 0; x < m->columns; x++) {
    const int32_t *totals = m->totals + x;
    columns[x] = (uint32_t)(totals[0] + totals[m->columns] + totals[2 * m->columns]);
  }
  if (layer->whole) {
    make_first(layer, m, columns);
    memset(start, 0, 4 * (size_t)m->sum_words);
    return;
  }
  for (int32_t slot = 0; slot <= m->groups * BLOCKS; slot++) {
    const int32_t x = slot * layer->lanes - 2;
    const uint32_t next = correction(layer, m, columns, x + 1);
    start[0] = correction(layer, m, columns, x) + (next << layer->spacing);
    start[1] = next;
    if (layer->lanes == 3) {
      start[2] = correction(layer, m, columns, x + 2);
    }
    start += slot_words(layer);
  }
}

/* One output row; the ring's row of its first kernel row is `first`. */
static void output_row(const itr_dsp_poly *layer, int32_t out_w, int32_t first, uint8_t *out,
                       const memory *m) {
  const int32_t pair_bits = 2 * layer->out_bits;
  make_start(layer, m);
  itr_dsp_poly_work work = {
      .weights = layer->weights,
      .groups = m->groups,
      .chunks = layer->chunks,
      .code = layer->multiply,
      .start = m->start,
      .sum_words = m->sum_words,
      .first = m->first,
  };
  for (int32_t r = 0; r < ROWS; r++) {
    work.rows[r] = m->ring + (first + r) % ROWS * m->row_words;
  }
  for (int32_t c = 0; c < layer->channels; c += 2) {
    work.sums = m->sums;
    itr_dsp_poly_row(&work);
    work.weights += layer->weight_words;
    work.sums += m->sum_words;
    itr_dsp_poly_row(&work);
    work.weights += layer->weight_words;
    itr_dsp_poly_finish(m->sums, m->sums + m->sum_words, m->out + c / 2 * pair_bits / 8,
                        layer->constants + c / 2 * layer->pair_words, layer->pitch,
                        m->groups * BLOCKS + 1, layer->finish);
  }
  const uint8_t *row = m->out + 2 * layer->pitch;
  for (int32_t x = 0; x < out_w; x++) {
    memcpy(out + x * layer->out_bytes, row + x * layer->pitch, (size_t)layer->out_bytes);
  }
}

void itr_dsp_poly_conv(const itr_dsp_poly *layer, const itr_conv_2d_packed_params *p,
                       const void *in, void *out, void *scratch) {
  const int32_t reach = BLOCKS * layer->lanes;
  const memory m = place(layer, (p->out_w + 2 + reach - 1) / reach, scratch);
  memset(m.border, layer->zero, (size_t)(4 * layer->words));
  const uint8_t *image = in;
  uint8_t *result = out;
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t r = 0; r < ROWS - 1; r++) {
      expand_row(layer, p, image, r - p->pad_top, r, &m);
    }
    for (int32_t y = 0; y < p->out_h; y++) {
      expand_row(layer, p, image, y + ROWS - 1 - p->pad_top, (y + ROWS - 1) % ROWS, &m);
      output_row(layer, p->out_w, y % ROWS, result, &m);
      result += p->out_w * layer->out_bytes;
    }
    image += p->in_h * p->in_w * layer->run_bytes;
  }
}
