// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_chain.h"

#include <string.h>

enum { KERNEL = 3, BLOCK_BYTES = 8 };

static int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* How rows of a call are cut into blocks. */
typedef struct {
  int32_t first; /* column of the input */
  itr_dsp_chain_columns columns;
  itr_dsp_chain_rows rows;
} cut;

/* The first block begins with column 0, or where the first window does if that lies inside. */
static cut cut_rows(const itr_dsp_chain_layer *layer,
                    const itr_depthwise_conv_2d_packed_params *p) {
  const int32_t before = p->pad_left > 0 ? p->pad_left : 0;
  cut c = {.first = before - p->pad_left};
  const int32_t fields = p->out_w + KERNEL - 1 - before;
  const int32_t width = smaller(p->in_w - c.first, fields);
  c.columns.pixel = layer->pairs;
  c.columns.three_pixels = ITR_DSP_CHAIN_LANES * layer->pairs;
  c.columns.blocks = width / ITR_DSP_CHAIN_LANES;
  c.columns.left = width - ITR_DSP_CHAIN_LANES * c.columns.blocks;
  const int32_t blocks = c.columns.blocks + (c.columns.left > 0);
  c.columns.row_step = (p->in_w - ITR_DSP_CHAIN_LANES * c.columns.blocks) * layer->pairs;
  c.columns.plane_step = layer->pitch - BLOCK_BYTES * blocks;
  c.rows.code = layer->code;
  c.rows.pixel = layer->pairs;
  c.rows.out_pitch = p->out_w * layer->pairs;
  c.rows.beginning = 1 + before;
  const int32_t behind = fields - ITR_DSP_CHAIN_LANES;
  const int32_t middle = behind / ITR_DSP_CHAIN_LANES;
  const int32_t left = behind - ITR_DSP_CHAIN_LANES * middle;
  c.rows.middle = BLOCK_BYTES * middle;
  c.rows.last = blocks - 1 > middle ? left : 0;
  c.rows.tail = left - c.rows.last;
  return c;
}

/* Rows of outputs from y on, of all channels. */
static void strip(const itr_dsp_chain_layer *layer, const itr_depthwise_conv_2d_packed_params *p,
                  cut *c, const uint8_t *image, int32_t y, uint8_t *out, uint8_t *plane) {
  const int32_t top = y - p->pad_top;
  const int32_t height = c->rows.rows + KERNEL - 1;
  const int32_t above = top < 0 ? -top : 0;
  const int32_t inside = smaller(height, p->in_h - top) - above;
  const uint8_t *in = image + ((top + above) * p->in_w + c->first) * layer->pairs;
  memset(plane, 0, (size_t)(above * layer->pitch));
  memset(plane + (above + inside) * layer->pitch, 0,
         (size_t)((height - above - inside) * layer->pitch));
  const int32_t *stream = layer->stream;
  for (int32_t k = 0; k < layer->pairs; k++) {
    itr_dsp_chain_expand(in + k, plane + above * layer->pitch, inside, &c->columns);
    itr_dsp_chain(plane, out + k, stream, &c->rows);
    stream += ITR_DSP_CHAIN_PAIR_WORDS;
  }
}

void itr_dsp_chain_depthwise(const itr_dsp_chain_layer *layer,
                             const itr_depthwise_conv_2d_packed_params *p, const void *in,
                             void *out, void *scratch) {
  cut c = cut_rows(layer, p);
  const uint8_t *image = in;
  uint8_t *result = out;
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t y = 0; y < p->out_h; y += layer->strip) {
      c.rows.rows = smaller(layer->strip, p->out_h - y);
      strip(layer, p, &c, image, y, result, scratch);
      result += c.rows.rows * c.rows.out_pitch;
    }
    image += p->in_h * p->in_w * layer->pairs;
  }
}
