// SPDX-License-Identifier: Apache-2.0
/* Four codes at a time: the product is rounded to float32, then to half precision. */
#include <arm_mve.h>

#include "intarsia/dequantize.h"

void itr_dequantize_s8_f16__mvef(const itr_dequantize_s8_f16_params *p, const int8_t *in,
                                 uint16_t *out) {
  const float32x4_t scale = vdupq_n_f32(p->scale);
  for (int32_t left = p->size; left > 0; left -= 4, in += 4, out += 4) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const int32x4_t steps = vsubq_n_s32(vldrbq_z_s32(in, live), p->zero);
    const float32x4_t values = vmulq_f32(vcvtq_f32_s32(steps), scale);
    const float16x8_t halves = vcvtbq_f16_f32(vdupq_n_f16(0), values);
    vstrhq_p_u32(out, vreinterpretq_u32_f16(halves), live);
  }
}
