// SPDX-License-Identifier: Apache-2.0
#include "itr_word_strips.h"

#include "intarsia/packed.h"
#include "itr_word_codes.h"

void itr_word_strips_begin(itr_word_strips *s, const void *in, void *out, void *scratch) {
  s->image = in;
  s->out = out;
  s->scratch = scratch;
  s->rest = s->scratch + s->layer.in_bytes + s->layer.out_bytes;
  s->n = 0;
  s->y = 0;
  s->out_h = 0;
}

/* Packs the outputs of a strip. */
static void finish(itr_word_strips *s) {
  const itr_word_strip_layer *layer = &s->layer;
  const int32_t pixels = s->out_h * layer->out_w;
  if (layer->out_bits < 8 && pixels > 0) {
    itr_word_pack(s->results, pixels, layer->out_c, layer->out_bits, s->out);
  }
  s->out += pixels * itr_packed_bytes(layer->out_c, layer->out_bits);
}

/* Input rows of the strip, first one `top`, unpacked if need be. */
static void provide(itr_word_strips *s, int32_t first) {
  const itr_word_strip_layer *layer = &s->layer;
  const int32_t row_bytes = layer->in_w * itr_packed_bytes(layer->in_c, layer->in_bits);
  const uint8_t *source = s->image + first * row_bytes;
  if (layer->in_bits == 8) {
    s->rows = (const int8_t *)source;
    return;
  }
  int8_t *rows = (int8_t *)s->scratch;
  itr_word_unpack(source, s->in_h * layer->in_w, layer->in_c, layer->in_bits, rows);
  s->rows = rows;
}

int32_t itr_word_strips_next(itr_word_strips *s) {
  const itr_word_strip_layer *layer = &s->layer;
  finish(s);
  if (s->y == layer->out_h) {
    s->y = 0;
    s->n++;
    s->image += layer->in_h * layer->in_w * itr_packed_bytes(layer->in_c, layer->in_bits);
  }
  if (s->n == layer->batch) {
    return 0;
  }
  const int32_t left = layer->out_h - s->y;
  s->out_h = left < layer->strip ? left : layer->strip;
  const int32_t top = s->y * layer->stride_h - layer->pad_top;
  const int32_t bottom = top + (s->out_h - 1) * layer->stride_h + layer->reach_h;
  const int32_t first = top > 0 ? top : 0;
  s->in_h = (bottom < layer->in_h ? bottom : layer->in_h) - first;
  s->pad_top = first - top;
  s->y += s->out_h;
  provide(s, first);
  s->results = layer->out_bits == 8 ? (int8_t *)s->out : (int8_t *)s->scratch + layer->in_bytes;
  return 1;
}
