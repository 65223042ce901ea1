// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_requantize.h"
#include "itr_mve_taps.h"

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_taps *s, int32_t pixels);

static inline int32x4_t window(const int8_t *in, const int8_t *w, const itr_mve_taps *s) {
  int32x4_t sum = vdupq_n_s32(0);
  for (int32_t ky = 0; ky < s->kernel_h; ky++, in += s->tap_y) {
    const int8_t *x = in;
    for (int32_t kx = 0; kx < s->kernel_w; kx++, x += s->tap_x, w += 4) {
      sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(x), vldrbq_s32(w)));
    }
  }
  return sum;
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_taps *s, int32_t pixels) {
  const itr_mve_limits to = s->to;
  const int8_t *w = s->weights;
  const int8_t *vectors = s->vectors;
  for (int32_t left = s->channels; left > 0; left -= 4, in += 4, out += 4) {
    const mve_pred16_t live = vctp32q((uint32_t)left);
    const int8_t *x = in;
    int8_t *o = out;
    for (int32_t i = pixels; i > 0; i--, x += s->step, o += s->channels) {
      const int32x4_t v = itr_mve_requantize(window(x, w, s), itr_mve_load(vectors), to.zero);
      vstrbq_p_s32(o, itr_mve_clamp(v, to), live);
    }
    w += 4 * s->kernel_h * s->kernel_w;
    vectors += ITR_MVE_VECTOR_BYTES;
  }
}
