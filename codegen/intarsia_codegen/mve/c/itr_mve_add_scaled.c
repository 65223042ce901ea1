// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_add_scaled.h"

/* Ties of a division go away from zero: 1 is taken off negative values that are shifted at all. */
static inline int32x4_t scale(int32x4_t v, int32_t multiplier, int32_t shift) {
  v = vqrdmulhq_n_s32(v, multiplier);
  v = vaddq_s32(v, vshrq_n_s32(vandq_s32(v, vdupq_n_s32(shift)), 31));
  return vrshlq_n_s32(v, shift);
}

static inline int32x4_t operand(int32x4_t code, int32_t zero, int32_t multiplier, int32_t shift) {
  return scale(vshlq_n_s32(vsubq_n_s32(code, zero), 20), multiplier, shift);
}

void itr_mve_add_scaled(const int8_t *a, const int8_t *b, int8_t *out,
                        const itr_mve_add_scaled_params *params) {
  const itr_mve_add_scaled_params s = *params;
  for (int32_t left = s.size; left > 0; left -= 4, a += 4, b += 4, out += 4) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const int32x4_t x = operand(vldrbq_z_s32(a, live), s.a_zero, s.a_multiplier, s.a_shift);
    const int32x4_t y = operand(vldrbq_z_s32(b, live), s.b_zero, s.b_multiplier, s.b_shift);
    int32x4_t v = scale(vaddq_s32(x, y), s.out_multiplier, s.out_shift);
    v = vmaxq_s32(vaddq_n_s32(v, s.out_zero), vdupq_n_s32(s.minimum));
    vstrbq_p_s32(out, vminq_s32(v, vdupq_n_s32(s.maximum)), live);
  }
}
