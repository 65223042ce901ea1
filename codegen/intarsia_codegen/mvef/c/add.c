// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>

#include "itr_mvef_real.h"

void ITR_FUNCTION(const void *a, const void *b, void *out, int32_t size, const float limits[2]);

void ITR_FUNCTION(const void *a, const void *b, void *out, int32_t size, const float limits[2]) {
  const reals minimum = all(limits[0]);
  const reals maximum = all(limits[1]);
  const real *x = a;
  const real *y = b;
  real *o = out;
  for (int32_t left = size; left > 0; left -= LANES, x += LANES, y += LANES, o += LANES) {
    const mve_pred16_t live = first(left);
    vst1q_p(o, clamp(vaddq(vld1q_z(x, live), vld1q_z(y, live)), minimum, maximum), live);
  }
}
