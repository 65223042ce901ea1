// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_strips.h"

#include <string.h>

#include "intarsia/packed.h"

enum { CODES = 8 }; /* of 4 bits in a word */

/* Four fields of 2 bits in the lowest byte to four bytes, sign extended. */
static uint32_t spread2(uint32_t byte) {
  const uint32_t pairs = (byte | byte << 12) & 0x000f000fu;
  const uint32_t bytes = (pairs | pairs << 6) & 0x03030303u;
  return bytes + (bytes & 0x02020202u) * 126u;
}

/* The lowest 2 bits of four bytes side by side. */
static uint32_t gather2(uint32_t bytes) {
  const uint32_t fields = bytes & 0x03030303u;
  const uint32_t pairs = (fields | fields >> 6) & 0x000f000fu;
  return (pairs | pairs >> 12) & 0xffu;
}

static void unpack4(const uint8_t *in, int32_t count, int8_t *out) {
  const int32_t words = count / CODES;
  if (words > 0) {
    itr_dsp_unpack_words4(in, out, words);
  }
  for (int32_t i = words * CODES; i < count; i++) {
    out[i] = (int8_t)itr_packed_load(in, i, 4);
  }
}

static void unpack2(const uint8_t *in, int32_t count, int8_t *out) {
  for (; count >= 4; count -= 4, in += 1, out += 4) {
    const uint32_t word = spread2(*in);
    memcpy(out, &word, 4);
  }
  for (int32_t i = 0; i < count; i++) {
    out[i] = (int8_t)itr_packed_load(in, i, 2);
  }
}

static void pack4(const int8_t *in, int32_t count, uint8_t *out) {
  const int32_t words = count / CODES;
  if (words > 0) {
    itr_dsp_pack_words4(in, out, words);
  }
  for (int32_t i = words * CODES; i < count; i++) {
    itr_packed_append(out, i, 4, in[i]);
  }
}

static void pack2(const int8_t *in, int32_t count, uint8_t *out) {
  for (; count >= 4; count -= 4, in += 4, out += 1) {
    uint32_t word;
    memcpy(&word, in, 4);
    *out = (uint8_t)gather2(word);
  }
  for (int32_t i = 0; i < count; i++) {
    itr_packed_append(out, i, 2, in[i]);
  }
}

void itr_dsp_unpack(const uint8_t *in, int32_t runs, int32_t count, int32_t bits, int8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  for (int32_t r = 0; r < (whole ? 1 : runs); r++) {
    if (bits == 4) {
      unpack4(in, length, out);
    } else {
      unpack2(in, length, out);
    }
    in += itr_packed_bytes(length, bits);
    out += length;
  }
}

void itr_dsp_pack(const int8_t *in, int32_t runs, int32_t count, int32_t bits, uint8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  for (int32_t r = 0; r < (whole ? 1 : runs); r++) {
    if (bits == 4) {
      pack4(in, length, out);
    } else {
      pack2(in, length, out);
    }
    out += itr_packed_bytes(length, bits);
    in += length;
  }
}

void itr_dsp_strips_begin(itr_dsp_strips *s, const void *in, void *out, void *scratch) {
  s->image = in;
  s->out = out;
  s->scratch = scratch;
  s->rest = s->scratch + s->layer.in_bytes + s->layer.out_bytes;
  s->n = 0;
  s->y = 0;
  s->out_h = 0;
}

/* Packs the outputs of a strip. */
static void finish(itr_dsp_strips *s) {
  const itr_dsp_strip_layer *layer = &s->layer;
  const int32_t pixels = s->out_h * layer->out_w;
  if (layer->out_bits < 8 && pixels > 0) {
    itr_dsp_pack(s->results, pixels, layer->out_c, layer->out_bits, s->out);
  }
  s->out += pixels * itr_packed_bytes(layer->out_c, layer->out_bits);
}

/* Input rows of the strip, first one `top`, unpacked if need be. */
static void provide(itr_dsp_strips *s, int32_t first) {
  const itr_dsp_strip_layer *layer = &s->layer;
  const int32_t row_bytes = layer->in_w * itr_packed_bytes(layer->in_c, layer->in_bits);
  const uint8_t *source = s->image + first * row_bytes;
  if (layer->in_bits == 8) {
    s->rows = (const int8_t *)source;
    return;
  }
  int8_t *rows = (int8_t *)s->scratch;
  itr_dsp_unpack(source, s->in_h * layer->in_w, layer->in_c, layer->in_bits, rows);
  s->rows = rows;
}

int32_t itr_dsp_strips_next(itr_dsp_strips *s) {
  const itr_dsp_strip_layer *layer = &s->layer;
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
