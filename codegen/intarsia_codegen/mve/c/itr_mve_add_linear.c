// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_add_linear.h"

void itr_mve_add_linear(const int8_t *a, const int8_t *b, int8_t *out,
                        const itr_mve_add_linear_params *s) {
  const int32x4_t factor = vdupq_n_s32(s->a_factor);
  const int32x4_t minimum = vdupq_n_s32(s->minimum);
  const int32x4_t maximum = vdupq_n_s32(s->maximum);
  const int32_t b_factor = s->b_factor;
  const int32_t constant = s->constant;
  const int32_t shift = s->shift;
  for (int32_t left = s->size; left > 0; left -= 4, a += 4, b += 4, out += 4) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    int32x4_t v = vmlasq_n_s32(vldrbq_z_s32(a, live), factor, constant);
    v = vmlaq_n_s32(v, vldrbq_z_s32(b, live), b_factor);
    v = vmaxq_s32(vshlq_r_s32(v, shift), minimum);
    vstrbq_p_s32(out, vminq_s32(v, maximum), live);
  }
}
