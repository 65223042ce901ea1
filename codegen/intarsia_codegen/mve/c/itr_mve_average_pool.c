// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_pool.h"

/* sum / count, rounded to nearest, ties away from zero. The quotient is a product: with n = |sum| +
 * count / 2 and reciprocal = ceil(2^31 / count), n * reciprocal exceeds n / count * 2^31 by less
 * than n, which changes no quotient while n * count <= 2^31. */
static inline int32x4_t divide(int32x4_t sum, int32_t count, uint32_t reciprocal) {
  const uint32x4_t n = vreinterpretq_u32_s32(vaddq_n_s32(vabsq_s32(sum), count / 2));
  const uint32x4_t quotient = vmulhq_u32(vshlq_n_u32(n, 1), vdupq_n_u32(reciprocal));
  const int32x4_t magnitude = vreinterpretq_s32_u32(quotient);
  return vnegq_m_s32(magnitude, magnitude, vcmpltq_n_s32(sum, 0));
}

/* Four channels at a time. */
static void pixel(itr_mve_cells cells, int8_t *out, const itr_mve_pool *s) {
  const int32_t count = cells.rows * cells.columns;
  const uint32_t reciprocal = (UINT32_C(0x80000000) + (uint32_t)count - 1u) / (uint32_t)count;
  for (int32_t c = 0; c < s->in_c; c += 4) {
    const mve_pred16_t live = vctp32q((uint32_t)(s->in_c - c));
    const int8_t *row = cells.first + c;
    int32x4_t sum = vdupq_n_s32(s->offset * count);
    for (int32_t i = cells.rows; i > 0; i--, row += s->in_w * s->in_c) {
      const int8_t *cell = row;
      for (int32_t j = cells.columns; j > 0; j--, cell += s->in_c) {
        sum = vaddq_s32(sum, vldrbq_z_s32(cell, live));
      }
    }
    int32x4_t v = vsubq_n_s32(divide(sum, count, reciprocal), s->offset);
    v = vmaxq_s32(v, vdupq_n_s32(s->minimum));
    vstrbq_p_s32(out + c, vminq_s32(v, vdupq_n_s32(s->maximum)), live);
  }
}

void itr_mve_average_pool(const int8_t *in, int8_t *out, const itr_mve_pool *s) {
  for (int32_t n = 0; n < s->batch; n++, in += s->in_h * s->in_w * s->in_c) {
    for (int32_t y = 0; y < s->out_h; y++) {
      for (int32_t x = 0; x < s->out_w; x++, out += s->in_c) {
        pixel(itr_mve_cells_of(in, s, y, x), out, s);
      }
    }
  }
}
