// SPDX-License-Identifier: Apache-2.0
#include "intarsia/exponential_mve.h"
#include "intarsia/fixedpoint_functions.h"
#include "intarsia/softmax.h"

enum { LANES = 4 };

static int32_t row_maximum(const int8_t *in, int32_t depth) {
  int8_t maximum = INT8_MIN;
  for (; depth > 0; depth -= 16, in += 16) {
    const mve_pred16_t live = vctp8q((uint32_t)depth);
    maximum = vmaxvq_p_s8(maximum, vldrbq_z_s8(in, live), live);
  }
  return maximum;
}

/* Exponentials in Q0.31 of differences from the largest code of a row; those below diff_min are
 * 0. */
static inline int32x4_t exponentials(const itr_softmax_s8_params *p, int32x4_t difference) {
  const int32x4_t scaled = vqrdmulhq_n_s32(vshlq_r_s32(difference, p->shift), p->multiplier);
  const int32x4_t zero = vdupq_n_s32(0);
  return vpselq_s32(itr_mve_exp_of_negative(scaled), zero, vcmpgeq_n_s32(difference, p->diff_min));
}

static int32_t row_sum(const itr_softmax_s8_params *p, const int8_t *in, int32_t maximum) {
  int32_t sum = 0;
  for (int32_t left = p->depth; left > 0; left -= LANES, in += LANES) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const int32x4_t difference = vsubq_n_s32(vldrbq_z_s32(in, live), maximum);
    sum = vaddvaq_p_s32(sum, vrshrq_n_s32(exponentials(p, difference), 12), live);
  }
  return sum;
}

/* Probabilities, given the reciprocal of their sum: `factor` * 2^-`right`, 32 shifts all out. */
static void row_codes(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out,
                      int32_t maximum, int32_t factor, int32_t right) {
  const int32_t shift = right > 31 ? -32 : -right;
  for (int32_t left = p->depth; left > 0; left -= LANES, in += LANES, out += LANES) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const int32x4_t difference = vsubq_n_s32(vldrbq_z_s32(in, live), maximum);
    const int32x4_t product = vqrdmulhq_n_s32(exponentials(p, difference), factor);
    const int32x4_t code = vaddq_n_s32(vrshlq_n_s32(product, shift), INT8_MIN);
    vstrbq_p_s32(out, vminq_s32(code, vdupq_n_s32(INT8_MAX)), live);
  }
}

void itr_softmax_s8__mve(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out) {
  for (int32_t r = 0; r < p->rows; r++, in += p->depth, out += p->depth) {
    const int32_t maximum = row_maximum(in, p->depth);
    int32_t exponent;
    const int32_t factor = itr_reciprocal(row_sum(p, in, maximum), 12, &exponent);
    row_codes(p, in, out, maximum, factor, exponent + 31 - 8);
  }
}
