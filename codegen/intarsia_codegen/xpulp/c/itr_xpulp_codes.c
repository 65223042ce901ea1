// SPDX-License-Identifier: Apache-2.0
#include "itr_xpulp_codes.h"

#include "intarsia/packed.h"

enum { WORD = 4 };

/* Whole words of packed codes; one or more. */
void itr_xpulp_unpack_4(const uint8_t *in, int32_t words, int8_t *out);
void itr_xpulp_unpack_2(const uint8_t *in, int32_t words, int8_t *out);
void itr_xpulp_pack_4(const int8_t *in, int32_t words, uint8_t *out);
void itr_xpulp_pack_2(const int8_t *in, int32_t words, uint8_t *out);

void itr_xpulp_unpack(const uint8_t *in, int32_t runs, int32_t count, int32_t bits, int8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  const int32_t words = length * bits / (8 * WORD);
  for (int32_t r = whole ? 1 : runs; r > 0; r--) {
    if (words > 0) {
      (bits == 4 ? itr_xpulp_unpack_4 : itr_xpulp_unpack_2)(in, words, out);
    }
    for (int32_t i = words * WORD * 8 / bits; i < length; i++) {
      out[i] = (int8_t)itr_packed_load(in, i, bits);
    }
    in += itr_packed_bytes(length, bits);
    out += length;
  }
}

void itr_xpulp_pack(const int8_t *in, int32_t runs, int32_t count, int32_t bits, uint8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  const int32_t words = length * bits / (8 * WORD);
  for (int32_t r = whole ? 1 : runs; r > 0; r--) {
    if (words > 0) {
      (bits == 4 ? itr_xpulp_pack_4 : itr_xpulp_pack_2)(in, words, out);
    }
    for (int32_t i = words * WORD * 8 / bits; i < length; i++) {
      itr_packed_append(out, i, bits, in[i]);
    }
    out += itr_packed_bytes(length, bits);
    in += length;
  }
}
