// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_winograd.h"

#include <string.h>

enum { ROWS = 4, BLOCK_H = 2, BLOCK_W = 8, FREQUENCIES = 16 };

/* One row of the input with its padding; `y` may lie outside. */
static void copy_row(const itr_dsp_winograd *layer, const int8_t *image, int32_t y, int8_t *row) {
  const int32_t row_bytes = (layer->out_w + 2) * layer->in_c;
  const int32_t left = layer->pad_left * layer->in_c;
  const int32_t room = row_bytes - left;
  const int32_t bytes = layer->in_w * layer->in_c < room ? layer->in_w * layer->in_c : room;
  memset(row, layer->in_zero, (size_t)row_bytes);
  if (y >= 0 && y < layer->in_h) {
    memcpy(row + left, image + y * layer->in_w * layer->in_c, (size_t)bytes);
  }
}

/* Blocks at the right and lower end overlap those before when they do not divide the output. */
static void image(const itr_dsp_winograd *layer, const int8_t *in, int8_t *out, uint32_t *columns) {
  const int32_t words = (layer->out_w + 2) * layer->in_c / 4;
  const int32_t column_words = 2 * layer->in_c;
  uint32_t *tiles = columns + 8 * words;
  int8_t *ring = (int8_t *)(tiles + FREQUENCIES * column_words);
  int32_t loaded = 0;
  for (int32_t i = 0; i < layer->out_h; i += BLOCK_H) {
    const int32_t y = i + BLOCK_H > layer->out_h ? layer->out_h - BLOCK_H : i;
    const int8_t *rows[ROWS];
    for (; loaded < y + ROWS; loaded++) {
      copy_row(layer, in, loaded - layer->pad_top, ring + loaded % ROWS * 4 * words);
    }
    for (int32_t k = 0; k < ROWS; k++) {
      rows[k] = ring + (y + k) % ROWS * 4 * words;
    }
    itr_dsp_winograd_columns(rows, columns, words);
    for (int32_t j = 0; j < layer->out_w; j += BLOCK_W) {
      const int32_t x = j + BLOCK_W > layer->out_w ? layer->out_w - BLOCK_W : j;
      layer->tiles(columns + x * column_words, tiles);
      for (int32_t r = 0; r < layer->run_count; r++) {
        const itr_dsp_winograd_run *run = &layer->runs[r];
        run->multiply(tiles, run, out + y * run->row + x * run->column + run->first);
      }
    }
  }
}

void itr_dsp_winograd_conv(const itr_dsp_winograd *layer, const int8_t *in, int8_t *out,
                           void *scratch) {
  for (int32_t n = 0; n < layer->batch; n++) {
    image(layer, in + n * layer->in_h * layer->in_w * layer->in_c,
          out + n * layer->out_h * layer->out_w * layer->out_c, scratch);
  }
}
