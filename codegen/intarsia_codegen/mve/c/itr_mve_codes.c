// SPDX-License-Identifier: Apache-2.0
#include "itr_mve_codes.h"

#include <arm_mve.h>

#include "intarsia/packed.h"

/* Codes of 4 bits in the upper halves of bytes, sign extended. */
static inline int8x16_t upper4(int8x16_t bytes) {
  return vshrq_n_s8(bytes, 4);
}

/* Codes of 2 bits in the highest bits of bytes, sign extended. */
static inline int8x16_t upper2(int8x16_t bytes) {
  return vshrq_n_s8(bytes, 6);
}

static void unpack4(const uint8_t *in, int32_t count, int8_t *out) {
  for (; count >= 32; count -= 32, in += 16, out += 32) {
    const int8x16_t bytes = vreinterpretq_s8_u8(vldrbq_u8(in));
    int8x16x2_t codes;
    codes.val[0] = upper4(vshlq_n_s8(bytes, 4));
    codes.val[1] = upper4(bytes);
    vst2q_s8(out, codes);
  }
  for (; count > 0; count -= 16, in += 8, out += 16) {
    uint16x8_t pairs = vldrbq_z_u16(in, vctp16q((uint32_t)(count + 1) / 2));
    pairs = vsliq_n_u16(pairs, pairs, 4);
    const int8x16_t codes = upper4(vshlq_n_s8(vreinterpretq_s8_u16(pairs), 4));
    vstrbq_p_s8(out, codes, vctp8q((uint32_t)count));
  }
}

static void unpack2(const uint8_t *in, int32_t count, int8_t *out) {
  for (; count >= 64; count -= 64, in += 16, out += 64) {
    const int8x16_t bytes = vreinterpretq_s8_u8(vldrbq_u8(in));
    int8x16x4_t codes;
    codes.val[0] = upper2(vshlq_n_s8(bytes, 6));
    codes.val[1] = upper2(vshlq_n_s8(bytes, 4));
    codes.val[2] = upper2(vshlq_n_s8(bytes, 2));
    codes.val[3] = upper2(bytes);
    vst4q_s8(out, codes);
  }
  for (; count > 0; count -= 16, in += 4, out += 16) {
    uint32x4_t fours = vldrbq_z_u32(in, vctp32q((uint32_t)(count + 3) / 4));
    fours = vorrq_u32(fours, vshlq_n_u32(fours, 12));
    fours = vorrq_u32(fours, vshlq_n_u32(fours, 6));
    const int8x16_t codes = upper2(vshlq_n_s8(vreinterpretq_s8_u32(fours), 6));
    vstrbq_p_s8(out, codes, vctp8q((uint32_t)count));
  }
}

static void pack4(const int8_t *in, int32_t count, uint8_t *out) {
  for (; count >= 32; count -= 32, in += 32, out += 16) {
    const int8x16x2_t codes = vld2q_s8(in);
    vstrbq_s8((int8_t *)out, vsliq_n_s8(codes.val[0], codes.val[1], 4));
  }
  for (; count > 0; count -= 16, in += 16, out += 8) {
    const int8x16_t codes = vldrbq_z_s8(in, vctp8q((uint32_t)count));
    const uint16x8_t pairs = vandq_u16(vreinterpretq_u16_s8(codes), vdupq_n_u16(0x0f0f));
    const uint16x8_t bytes = vorrq_u16(pairs, vshrq_n_u16(pairs, 4));
    vstrbq_p_u16(out, bytes, vctp16q((uint32_t)(count + 1) / 2));
  }
}

static void pack2(const int8_t *in, int32_t count, uint8_t *out) {
  for (; count >= 64; count -= 64, in += 64, out += 16) {
    const int8x16x4_t codes = vld4q_s8(in);
    const int8x16_t first = vsliq_n_s8(codes.val[0], codes.val[1], 2);
    const int8x16_t second = vsliq_n_s8(codes.val[2], codes.val[3], 2);
    vstrbq_s8((int8_t *)out, vsliq_n_s8(first, second, 4));
  }
  for (; count > 0; count -= 16, in += 16, out += 4) {
    const int8x16_t codes = vldrbq_z_s8(in, vctp8q((uint32_t)count));
    uint32x4_t fours = vandq_u32(vreinterpretq_u32_s8(codes), vdupq_n_u32(0x03030303));
    fours = vorrq_u32(fours, vshrq_n_u32(fours, 6));
    fours = vorrq_u32(fours, vshrq_n_u32(fours, 12));
    vstrbq_p_u32(out, fours, vctp32q((uint32_t)(count + 3) / 4));
  }
}

void itr_mve_unpack(const uint8_t *in, int32_t runs, int32_t count, int32_t bits, int8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  for (int32_t r = whole ? 1 : runs; r > 0; r--) {
    if (bits == 4) {
      unpack4(in, length, out);
    } else {
      unpack2(in, length, out);
    }
    in += itr_packed_bytes(length, bits);
    out += length;
  }
}

void itr_mve_pack(const int8_t *in, int32_t runs, int32_t count, int32_t bits, uint8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  for (int32_t r = whole ? 1 : runs; r > 0; r--) {
    if (bits == 4) {
      pack4(in, length, out);
    } else {
      pack2(in, length, out);
    }
    out += itr_packed_bytes(length, bits);
    in += length;
  }
}
