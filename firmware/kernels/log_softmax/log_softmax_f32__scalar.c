// SPDX-License-Identifier: Apache-2.0
#include "intarsia/log_softmax.h"

#include "intarsia/floatmath.h"

void itr_log_softmax_f32__scalar(const itr_log_softmax_f32_params *p, const float *in, float *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    float maximum = in[0];
    for (int32_t i = 1; i < p->depth; i++) {
      maximum = in[i] > maximum ? in[i] : maximum;
    }
    float sum = 0.0f;
    for (int32_t i = 0; i < p->depth; i++) {
      sum += itr_exp(in[i] - maximum);
    }
    const float log_sum = itr_log(sum);
    for (int32_t i = 0; i < p->depth; i++) {
      out[i] = (in[i] - maximum) - log_sum;
    }
    in += p->depth;
    out += p->depth;
  }
}
