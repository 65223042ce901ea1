// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_dense.h"
#include "itr_mve_requantize.h"

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_dense *s);

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_mve_dense *s) {
  const itr_mve_limits to = s->to;
  const int8_t *w = s->weights;
  for (int32_t left = s->units; left > 0; left -= 4, out += 4) {
    const itr_mve_vectors c = itr_mve_load(w);
    int32_t a0 = 0;
    int32_t a1 = 0;
    int32_t a2 = 0;
    int32_t a3 = 0;
    w += ITR_MVE_VECTOR_BYTES;
    for (int32_t k = 0; k < s->columns; k += 16, w += 64) {
      const int8x16_t x = vldrbq_s8(in + k);
      a0 = vmladavaq_s8(a0, x, vldrbq_s8(w));
      a1 = vmladavaq_s8(a1, x, vldrbq_s8(w + 16));
      a2 = vmladavaq_s8(a2, x, vldrbq_s8(w + 32));
      a3 = vmladavaq_s8(a3, x, vldrbq_s8(w + 48));
    }
    const int32x4_t v = itr_mve_requantize((int32x4_t){a0, a1, a2, a3}, c, to.zero);
    vstrbq_p_s32(out, itr_mve_clamp(v, to), vctp32q((uint32_t)left));
  }
}
