// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_narrow.h"
#include "itr_mve_requantize.h"

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_narrow *s, int32_t pixels);

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_narrow *s, int32_t pixels) {
  const int32_t in_pitch = s->in_pitch;
  const int32_t out_pitch = s->channels;
  const int32_t zero = s->zero;
  const mve_pred16_t inside = vctp8q((uint32_t)s->depth);
  const int8_t *w = s->weights;
  for (const int8_t *end = out + out_pitch; out != end; out += 4, w += 128) {
    const itr_mve_vectors c = itr_mve_load(w);
    const int8x16_t w0 = vldrbq_s8(w + 64);
    const int8x16_t w1 = vldrbq_s8(w + 80);
    const int8x16_t w2 = vldrbq_s8(w + 96);
    const int8x16_t w3 = vldrbq_s8(w + 112);
    const int8_t *pixel = in;
    int8_t *o = out;
    for (int32_t i = pixels; i > 0; i--, pixel += in_pitch, o += out_pitch) {
      const int8x16_t x = vldrbq_z_s8(pixel, inside);
      const int32x4_t sums = {vmladavq_s8(x, w0), vmladavq_s8(x, w1), vmladavq_s8(x, w2),
                              vmladavq_s8(x, w3)};
      vstrbq_s32(o, itr_mve_clamp_int8(itr_mve_requantize(sums, c, zero)));
    }
  }
}
