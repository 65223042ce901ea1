// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_codes.h"

#include <string.h>

#include "intarsia/packed.h"
#include "itr_dsp_codes_words.h"

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
