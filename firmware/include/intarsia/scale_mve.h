// SPDX-License-Identifier: Apache-2.0
/* `itr_scale` with one factor for all lanes of a vector (Helium). */
#ifndef INTARSIA_SCALE_MVE_H
#define INTARSIA_SCALE_MVE_H

#include <arm_mve.h>
#include <stdint.h>

/* x * multiplier * 2^(shift - 31), rounded twice, plus zero, for a multiplier that is not negative.
 */
static inline int32x4_t itr_mve_scaled(int32x4_t x, int32_t multiplier, int32_t shift,
                                       int32_t zero) {
  if (shift > 0) {
    x = vshlq_r_s32(x, shift);
  }
  x = vqrdmulhq_n_s32(x, multiplier);
  if (shift < 0) { /* ties away from zero */
    x = vrshlq_n_s32(vaddq_s32(x, vshrq_n_s32(x, 31)), shift);
  }
  return vaddq_n_s32(x, zero);
}

#endif
