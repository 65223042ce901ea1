// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_add_mixed.h"

#include "itr_dsp_add.h"

enum { BLOCK = 8, SCALE = 16 };

/* What element i of an operand adds to the line. */
static int32_t term(const uint8_t *codes, int32_t i, int32_t bits, int32_t slope) {
  const uint32_t byte = codes[i * bits / 8];
  const int32_t field = (int32_t)(bits == 8 ? byte : byte >> (i & 1) * 4 & 0xfu);
  const int32_t code = field - (field >> (bits - 1) << bits);
  return (int32_t)(((int64_t)slope * code * (1 << (SCALE - bits))) >> SCALE);
}

static int32_t saturate(int32_t value, int32_t bits) {
  const int32_t highest = (1 << (bits - 1)) - 1;
  return value > highest ? highest : value < -highest - 1 ? -highest - 1 : value;
}

/* The code of element i; beyond the last one 0. */
static uint32_t sum(const itr_dsp_add_mixed *layer, const itr_add_packed_params *p,
                    const uint8_t *a, const uint8_t *b, int32_t i) {
  if (i >= p->runs * p->count) {
    return 0;
  }
  const int32_t value =
      layer->c + term(a, i, p->a_bits, layer->a) + term(b, i, p->b_bits, layer->b);
  return (uint32_t)saturate(value >> layer->exponent, p->out_bits);
}

void itr_dsp_add_by_line(const itr_dsp_add_mixed *layer, const itr_add_packed_params *p,
                         const void *a, const void *b, void *out, void *scratch) {
  const uint8_t *left = a;
  const uint8_t *right = b;
  uint8_t *target = out;
  const int32_t total = p->runs * p->count;
  const int32_t whole = total & ~(BLOCK - 1);
  (void)scratch;
  if (whole > 0) {
    const itr_dsp_add_layer blocks = {
        .code = layer->code,
        .bytes = whole * p->a_bits / 8,
        .d = -0xfff1000, /* 0xf000f000: codes of 4 bits at the tops of halfwords */
        .a = layer->a,
        .b = layer->b,
        .c = layer->c,
    };
    itr_dsp_add_blocks((const int8_t *)left, (const int8_t *)right, (int8_t *)target, &blocks);
  }
  for (int32_t i = whole; i < total; i += 2) { /* codes that may share a byte, in place too */
    const uint32_t first = sum(layer, p, left, right, i);
    const uint32_t second = sum(layer, p, left, right, i + 1);
    if (p->out_bits < 8) {
      target[i / 2] = (uint8_t)((first & 0xfu) | (second & 0xfu) << 4);
      continue;
    }
    target[i] = (uint8_t)first;
    if (i + 1 < total) {
      target[i + 1] = (uint8_t)second;
    }
  }
}
