// SPDX-License-Identifier: Apache-2.0
#include "intarsia/l2_normalization.h"

#include "intarsia/floatmath.h"

void itr_l2_normalization_f32__scalar(const itr_l2_normalization_f32_params *p, const float *in,
                                      float *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    float sum = 0.0f;
    for (int32_t i = 0; i < p->depth; i++) {
      sum += in[i] * in[i];
    }
    const float root = itr_sqrt(sum);
    const float length = root < 1e-6f ? 1e-6f : root;
    for (int32_t i = 0; i < p->depth; i++) {
      *out++ = *in++ / length;
    }
  }
}
