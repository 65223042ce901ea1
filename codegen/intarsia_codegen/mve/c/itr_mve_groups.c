// SPDX-License-Identifier: Apache-2.0
#include "itr_mve_groups.h"

#include <arm_mve.h>

enum { VECTOR = 16 };

static inline void keep(int8_t *out, const int8_t *in, int32_t bytes) {
  for (; bytes > 0; bytes -= VECTOR, in += VECTOR, out += VECTOR) {
    vst1q_s8(out, vld1q_s8(in));
  }
}

static inline void unpack4(int8_t *out, const int8_t *in, int32_t count) {
  for (int32_t left = count / (2 * VECTOR); left > 0; left--, in += VECTOR, out += 2 * VECTOR) {
    const int8x16_t bytes = vld1q_s8(in);
    vst1q_s8(out, vshrq_n_s8(vshlq_n_s8(bytes, 4), 4));
    vst1q_s8(out + VECTOR, vshrq_n_s8(bytes, 4));
  }
}

static inline void unpack2(int8_t *out, const int8_t *in, int32_t count) {
  for (int32_t left = count / (4 * VECTOR); left > 0; left--, in += VECTOR, out += 4 * VECTOR) {
    const int8x16_t bytes = vld1q_s8(in);
    vst1q_s8(out, vshrq_n_s8(vshlq_n_s8(bytes, 6), 6));
    vst1q_s8(out + VECTOR, vshrq_n_s8(vshlq_n_s8(bytes, 4), 6));
    vst1q_s8(out + 2 * VECTOR, vshrq_n_s8(vshlq_n_s8(bytes, 2), 6));
    vst1q_s8(out + 3 * VECTOR, vshrq_n_s8(bytes, 6));
  }
}

const int8_t *itr_mve_unpack_blocks(int8_t *out, const int8_t *in, int32_t blocks, int32_t bits,
                                    int32_t before, int32_t products, int32_t after) {
  for (; blocks > 0; blocks--) {
    keep(out, in, before);
    out += before;
    in += before;
    if (bits == 4) {
      unpack4(out, in, products);
    } else {
      unpack2(out, in, products);
    }
    out += products;
    in += products * bits / 8;
    keep(out, in, after);
    out += after;
    in += after;
  }
  return in;
}
