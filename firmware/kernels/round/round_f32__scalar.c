// SPDX-License-Identifier: Apache-2.0
#include "intarsia/round.h"

/* From here on all floats are integers. */
static const float WHOLE = 8388608.0f;

void itr_round_f32__scalar(const itr_round_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    const float x = in[i];
    if (x >= 0.0f && x < WHOLE) {
      out[i] = (x + WHOLE) - WHOLE;
    } else if (x < 0.0f && x > -WHOLE) {
      out[i] = (x - WHOLE) + WHOLE;
    } else {
      out[i] = x;
    }
  }
}
