// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/fully_connected.h"

void itr_fully_connected_f32__scalar(const itr_fully_connected_f32_params *p, const float *in,
                                     const float *weights, const float *bias, float *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t u = 0; u < p->units; u++) {
      const float sum =
          itr_dot_f32(0.0f, in + n * p->columns, weights + u * p->columns, p->columns) + bias[u];
      *out++ = sum < p->minimum ? p->minimum : sum > p->maximum ? p->maximum : sum;
    }
  }
}
