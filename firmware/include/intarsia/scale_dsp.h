// SPDX-License-Identifier: Apache-2.0
/* `itr_scale` with instructions of Arm's DSP extension. */
#ifndef INTARSIA_SCALE_DSP_H
#define INTARSIA_SCALE_DSP_H

#include <stdint.h>

/* A factor multiplier * 2^(shift - 31), its multiplier not negative: shifts to either side, what is
 * added before the one to the right, and the sign bits that move ties away from zero. */
typedef struct {
  int32_t left, multiplier, half, ties, right;
} itr_dsp_factor;

static inline itr_dsp_factor itr_dsp_factor_of(int32_t multiplier, int32_t shift) {
  const int32_t right = shift < 0 ? -shift : 0;
  return (itr_dsp_factor){.left = (shift > 0 ? shift : 0) + 1,
                          .multiplier = multiplier,
                          .half = (int32_t)((UINT32_C(1) << right) >> 1),
                          .ties = right > 0 ? -1 : 0,
                          .right = right};
}

/* x times the factor, rounded twice; x shifted left and doubled fits 32 bits. */
static inline int32_t itr_dsp_scaled(int32_t x, const itr_dsp_factor *f) {
  const int32_t shifted = (int32_t)((uint32_t)x << f->left);
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(shifted), "r"(f->multiplier));
  // cppcheck-suppress shiftTooManyBitsSigned ; that is about shifts to the left
  return (high + f->half + (high >> 31 & f->ties)) >> f->right;
}

static inline int8_t itr_dsp_limited(int32_t code, int32_t minimum, int32_t maximum) {
  code = code < minimum ? minimum : code;
  return (int8_t)(code > maximum ? maximum : code);
}

#endif
