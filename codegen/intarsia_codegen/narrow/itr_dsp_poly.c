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
  m.border = (uint8_t *)(m.totals + ROWS * m.columns);
  m.tails = m.border + 4 * layer->words;
  m.out = m.tails + LANES * 4 * layer->words;
  return m;
}

/* Sum of the codes of a pixel, counted from the lowest. */
static int32_t total_of(const itr_dsp_poly *layer, const uint8_t *cell) {
  uint32_t total = 0;
  for (int32_t i = 0; i < layer->words; i++) {
    uint32_t word;
    memcpy(&word, cell + 4 * i, 4);
    if (layer->codes == 8) {
      word ^= 0x88888888u;
    } else {
      word ^= 0xaaaaaaaau;
      word = (word & 0x33333333u) + (word >> 2 & 0x33333333u);
    }
    word = (word & 0x0f0f0f0fu) + (word >> 4 & 0x0f0f0f0fu);
    total += (word * 0x01010101u) >> 24;
  }
  return (int32_t)total;
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
      *totals++ = total_of(layer, cell);
      cells[k] = cell;
    }
    (void)itr_dsp_expand(cells, group + block % BLOCKS, layer->words, layer->expand);
    if (block % BLOCKS == BLOCKS - 1) {
      group += BLOCKS * layer->words * layer->codes;
    }
  }
}

/* What the excess of the weights takes from the output in column x. */
static int32_t correction(const itr_dsp_poly *layer, const memory *m, int32_t x) {
  int32_t sum = 0;
  if (x < 0 || x + 2 >= m->columns) {
    return 0;
  }
  for (int32_t r = 0; r < ROWS; r++) {
    const int32_t *totals = m->totals + r * m->columns + x;
    sum += totals[0] + totals[1] + totals[2];
  }
  return -layer->excess * sum;
}

static void make_start(const itr_dsp_poly *layer, const memory *m) {
  uint32_t *start = m->start;
  for (int32_t slot = 0; slot <= m->groups * BLOCKS; slot++) {
    const int32_t x = slot * layer->lanes - 2;
    const uint32_t next = (uint32_t)correction(layer, m, x + 1);
    start[0] = (uint32_t)correction(layer, m, x) + (next << layer->spacing);
    start[1] = next;
    if (layer->lanes == 3) {
      start[2] = (uint32_t)correction(layer, m, x + 2);
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
      .chunks = layer->words * layer->codes / 8,
      .code = layer->multiply,
      .start = m->start,
      .sum_words = m->sum_words,
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
                        layer->constants + 2 * c, layer->pitch, m->groups * BLOCKS + 1,
                        layer->finish);
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
