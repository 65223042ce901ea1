// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_chain.h"

#include <string.h>

enum { KERNEL = 3, PAIR_BYTES = 8 };

static int32_t smaller(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* How rows of a call are cut into blocks. */
typedef struct {
  int32_t first; /* column of the input */
  itr_dsp_chain_columns columns;
  itr_dsp_chain_rows rows;
} cut;

/* The first block begins with column 0, or where the first window does if that lies inside: only
 * windows of stride 1 may begin on the border. */
static cut cut_rows(const itr_dsp_chain_layer *layer,
                    const itr_depthwise_conv_2d_packed_params *p) {
  const int32_t before = p->pad_left > 0 ? p->pad_left : 0;
  const int32_t stride = p->stride_w;
  const int32_t lanes = ITR_DSP_CHAIN_LANES * stride;
  cut c = {.first = before - p->pad_left};
  const int32_t width = smaller(p->in_w - c.first, (p->out_w - 1) * stride + KERNEL - before);
  c.columns.pixel = layer->pairs;
  c.columns.three_pixels = ITR_DSP_CHAIN_LANES * layer->pairs;
  c.columns.blocks = width / lanes;
  c.columns.left = width - lanes * c.columns.blocks;
  const int32_t passed = c.columns.left / ITR_DSP_CHAIN_LANES * ITR_DSP_CHAIN_LANES;
  const int32_t blocks = c.columns.blocks + (c.columns.left > 0);
  c.columns.row_step = (p->in_w - lanes * c.columns.blocks - passed) * layer->pairs;
  c.columns.plane_step = layer->pitch - PAIR_BYTES * stride * blocks;
  c.rows.code = layer->code;
  c.rows.pixel = layer->pairs;
  c.rows.out_pitch = p->out_w * layer->pairs;
  c.rows.beginning = stride == 1 ? 1 + before : 2;
  const int32_t behind = p->out_w - c.rows.beginning;
  const int32_t middle = behind / ITR_DSP_CHAIN_LANES;
  const int32_t left = behind - ITR_DSP_CHAIN_LANES * middle;
  c.rows.middle = PAIR_BYTES * stride * middle;
  c.rows.last = blocks - 1 > middle ? left : 0;
  c.rows.tail = left - c.rows.last;
  return c;
}

/* Rows of outputs from y on, of all channels. */
static void strip(const itr_dsp_chain_layer *layer, const itr_depthwise_conv_2d_packed_params *p,
                  cut *c, const uint8_t *image, int32_t y, uint8_t *out, uint8_t *plane) {
  const int32_t top = y * p->stride_h - p->pad_top;
  const int32_t height = (c->rows.rows - 1) * p->stride_h + KERNEL;
  const int32_t above = top < 0 ? -top : 0;
  const int32_t inside = smaller(height, p->in_h - top) - above;
  const uint8_t *in = image + ((top + above) * p->in_w + c->first) * layer->pairs;
  memset(plane, 0, (size_t)(above * layer->pitch));
  memset(plane + (above + inside) * layer->pitch, 0,
         (size_t)((height - above - inside) * layer->pitch));
  const int32_t *stream = layer->stream;
  for (int32_t k = 0; k < layer->pairs; k++) {
    layer->expand(in + k, plane + above * layer->pitch, inside, &c->columns);
    layer->entry(plane, out + k, stream, &c->rows);
    stream += layer->pair_words;
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
