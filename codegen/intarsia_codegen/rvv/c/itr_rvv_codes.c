// SPDX-License-Identifier: Apache-2.0
#include "itr_rvv_codes.h"

#include <riscv_vector.h>

#include "intarsia/packed.h"

/* Whole bytes of two codes each. */
static void unpack4(const uint8_t *in, int32_t bytes, int8_t *out) {
  for (size_t n; bytes > 0; bytes -= (int32_t)n, in += n, out += 2 * n) {
    n = __riscv_vsetvl_e8m4((size_t)bytes);
    const vint8m4_t pairs = __riscv_vle8_v_i8m4((const int8_t *)in, n);
    const vint8m4_t first = __riscv_vsra_vx_i8m4(__riscv_vsll_vx_i8m4(pairs, 4, n), 4, n);
    const vint8m4_t second = __riscv_vsra_vx_i8m4(pairs, 4, n);
    __riscv_vsseg2e8_v_i8m4x2(out, __riscv_vcreate_v_i8m4x2(first, second), n);
  }
}

/* Whole bytes of four codes each. */
static void unpack2(const uint8_t *in, int32_t bytes, int8_t *out) {
  for (size_t n; bytes > 0; bytes -= (int32_t)n, in += n, out += 4 * n) {
    n = __riscv_vsetvl_e8m2((size_t)bytes);
    const vint8m2_t fours = __riscv_vle8_v_i8m2((const int8_t *)in, n);
    const vint8m2_t a = __riscv_vsra_vx_i8m2(__riscv_vsll_vx_i8m2(fours, 6, n), 6, n);
    const vint8m2_t b = __riscv_vsra_vx_i8m2(__riscv_vsll_vx_i8m2(fours, 4, n), 6, n);
    const vint8m2_t c = __riscv_vsra_vx_i8m2(__riscv_vsll_vx_i8m2(fours, 2, n), 6, n);
    const vint8m2_t d = __riscv_vsra_vx_i8m2(fours, 6, n);
    __riscv_vsseg4e8_v_i8m2x4(out, __riscv_vcreate_v_i8m2x4(a, b, c, d), n);
  }
}

static void pack4(const int8_t *in, int32_t bytes, uint8_t *out) {
  for (size_t n; bytes > 0; bytes -= (int32_t)n, in += 2 * n, out += n) {
    n = __riscv_vsetvl_e8m4((size_t)bytes);
    const vint8m4x2_t codes = __riscv_vlseg2e8_v_i8m4x2(in, n);
    const vint8m4_t first = __riscv_vand_vx_i8m4(__riscv_vget_v_i8m4x2_i8m4(codes, 0), 15, n);
    const vint8m4_t second = __riscv_vsll_vx_i8m4(__riscv_vget_v_i8m4x2_i8m4(codes, 1), 4, n);
    __riscv_vse8_v_i8m4((int8_t *)out, __riscv_vor_vv_i8m4(first, second, n), n);
  }
}

/* The lowest two bits of codes at their place. */
static inline vint8m2_t placed(vint8m2_t codes, size_t place, size_t n) {
  return __riscv_vsll_vx_i8m2(__riscv_vand_vx_i8m2(codes, 3, n), place, n);
}

static void pack2(const int8_t *in, int32_t bytes, uint8_t *out) {
  for (size_t n; bytes > 0; bytes -= (int32_t)n, in += 4 * n, out += n) {
    n = __riscv_vsetvl_e8m2((size_t)bytes);
    const vint8m2x4_t codes = __riscv_vlseg4e8_v_i8m2x4(in, n);
    const vint8m2_t a = placed(__riscv_vget_v_i8m2x4_i8m2(codes, 0), 0, n);
    const vint8m2_t b = placed(__riscv_vget_v_i8m2x4_i8m2(codes, 1), 2, n);
    const vint8m2_t c = placed(__riscv_vget_v_i8m2x4_i8m2(codes, 2), 4, n);
    const vint8m2_t d = __riscv_vsll_vx_i8m2(__riscv_vget_v_i8m2x4_i8m2(codes, 3), 6, n);
    const vint8m2_t all =
        __riscv_vor_vv_i8m2(__riscv_vor_vv_i8m2(a, b, n), __riscv_vor_vv_i8m2(c, d, n), n);
    __riscv_vse8_v_i8m2((int8_t *)out, all, n);
  }
}

void itr_rvv_unpack(const uint8_t *in, int32_t runs, int32_t count, int32_t bits, int8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  const int32_t bytes = length * bits / 8;
  for (int32_t r = whole ? 1 : runs; r > 0; r--) {
    if (bits == 4) {
      unpack4(in, bytes, out);
    } else {
      unpack2(in, bytes, out);
    }
    for (int32_t i = bytes * 8 / bits; i < length; i++) {
      out[i] = (int8_t)itr_packed_load(in, i, bits);
    }
    in += itr_packed_bytes(length, bits);
    out += length;
  }
}

void itr_rvv_pack(const int8_t *in, int32_t runs, int32_t count, int32_t bits, uint8_t *out) {
  const int32_t whole = (count * bits & 7) == 0;
  const int32_t length = whole ? runs * count : count;
  const int32_t bytes = length * bits / 8;
  for (int32_t r = whole ? 1 : runs; r > 0; r--) {
    if (bits == 4) {
      pack4(in, bytes, out);
    } else {
      pack2(in, bytes, out);
    }
    for (int32_t i = bytes * 8 / bits; i < length; i++) {
      itr_packed_append(out, i, bits, in[i]);
    }
    out += itr_packed_bytes(length, bits);
    in += length;
  }
}
