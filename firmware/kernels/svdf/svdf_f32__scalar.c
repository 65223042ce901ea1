// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/svdf.h"

void itr_svdf_f32__scalar(const itr_svdf_f32_params *p, const float *in, const float *state,
                          const float *features, const float *time, const float *bias, float *out,
                          float *state_after) {
  for (int32_t b = 0; b < p->batch; b++) {
    for (int32_t u = 0; u < p->units; u++) {
      float sum = bias[u];
      for (int32_t f = u * p->rank; f < (u + 1) * p->rank; f++) {
        const int32_t row = (b * p->units * p->rank + f) * p->memory;
        float *after = state_after + row;
        for (int32_t m = 1; m < p->memory; m++) {
          after[m - 1] = state[row + m];
        }
        after[p->memory - 1] =
            itr_dot_f32(0.0f, in + b * p->width, features + f * p->width, p->width);
        sum = itr_dot_f32(sum, after, time + f * p->memory, p->memory);
      }
      *out++ = sum < p->minimum ? p->minimum : sum > p->maximum ? p->maximum : sum;
    }
  }
}
