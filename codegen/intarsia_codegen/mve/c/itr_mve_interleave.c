// SPDX-License-Identifier: Apache-2.0
#include <arm_mve.h>

#include "itr_mve_depthwise.h"

void itr_mve_interleave(int8_t *quads, const int8_t *const rows[4], int32_t bytes) {
  const int8_t *a = rows[0];
  const int8_t *b = rows[1];
  const int8_t *c = rows[2];
  const int8_t *d = rows[3];
  int8x16x4_t x;
  for (; bytes >= 16; bytes -= 16, a += 16, b += 16, c += 16, d += 16, quads += 64) {
    x.val[0] = vldrbq_s8(a);
    x.val[1] = vldrbq_s8(b);
    x.val[2] = vldrbq_s8(c);
    x.val[3] = vldrbq_s8(d);
    vst4q_s8(quads, x);
  }
  if (bytes > 0) {
    const mve_pred16_t live = vctp8q((uint32_t)bytes);
    x.val[0] = vldrbq_z_s8(a, live);
    x.val[1] = vldrbq_z_s8(b, live);
    x.val[2] = vldrbq_z_s8(c, live);
    x.val[3] = vldrbq_z_s8(d, live);
    vst4q_s8(quads, x);
  }
}
