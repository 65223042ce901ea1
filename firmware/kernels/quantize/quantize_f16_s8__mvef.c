// SPDX-License-Identifier: Apache-2.0
/* Divides lane by lane, as the reference does: a product with the reciprocal rounds differently. */
#include <arm_mve.h>

#include "intarsia/quantize.h"

void itr_quantize_f16_s8__mvef(const itr_quantize_f16_s8_params *p, const uint16_t *in,
                               int8_t *out) {
  const float32x4_t scale = vdupq_n_f32(p->scale);
  const float32x4_t least = vdupq_n_f32((float)(INT8_MIN - p->zero));
  const float32x4_t most = vdupq_n_f32((float)(INT8_MAX - p->zero));
  for (int32_t left = p->size; left > 0; left -= 4, in += 4, out += 4) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const float16x8_t halves = vreinterpretq_f16_u32(vldrhq_z_u32(in, live));
    const float32x4_t rounded = vrndaq_f32(vcvtbq_f32_f16(halves) / scale);
    const float32x4_t limited = vminnmq_f32(vmaxnmq_f32(rounded, least), most);
    vstrbq_p_s32(out, vaddq_n_s32(vcvtq_s32_f32(limited), p->zero), live);
  }
}
