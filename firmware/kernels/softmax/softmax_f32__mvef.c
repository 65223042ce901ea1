// SPDX-License-Identifier: Apache-2.0
#include "intarsia/exponential_mvef.h"
#include "intarsia/softmax.h"

enum { LANES = 4 };

static float row_maximum(const float *in, int32_t depth) {
  float32x4_t maximum = vdupq_n_f32(in[0]);
  for (; depth > 0; depth -= LANES, in += LANES) {
    const mve_pred16_t live = vctp32q((uint32_t)depth);
    maximum = vmaxnmq_m_f32(maximum, maximum, vldrwq_z_f32(in, live), live);
  }
  return vmaxnmvq_f32(vgetq_lane_f32(maximum, 0), maximum);
}

/* Writes the exponentials of a row and returns their sum. */
static float exponentials(const itr_softmax_f32_params *p, const float *in, float *out) {
  const float maximum = row_maximum(in, p->depth);
  float32x4_t sum = vdupq_n_f32(0.0f);
  for (int32_t left = p->depth; left > 0; left -= LANES, in += LANES, out += LANES) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const float32x4_t x = vmulq_n_f32(vsubq_n_f32(vldrwq_z_f32(in, live), maximum), p->beta);
    const float32x4_t power = itr_mvef_exp(x);
    sum = vaddq_m_f32(sum, sum, power, live);
    vstrwq_p_f32(out, power, live);
  }
  return (vgetq_lane_f32(sum, 0) + vgetq_lane_f32(sum, 1)) +
         (vgetq_lane_f32(sum, 2) + vgetq_lane_f32(sum, 3));
}

static void scale(float *out, int32_t depth, float factor) {
  for (; depth > 0; depth -= LANES, out += LANES) {
    const mve_pred16_t live = vctp32q((uint32_t)depth);
    vstrwq_p_f32(out, vmulq_n_f32(vldrwq_z_f32(out, live), factor), live);
  }
}

void itr_softmax_f32__mvef(const itr_softmax_f32_params *p, const float *in, float *out) {
  for (int32_t r = 0; r < p->rows; r++, in += p->depth, out += p->depth) {
    scale(out, p->depth, 1.0f / exponentials(p, in, out));
  }
}
