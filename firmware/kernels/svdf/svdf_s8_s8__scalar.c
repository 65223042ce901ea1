// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dot.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/svdf.h"

/* Moves a row of the state on and returns its sum, weighted by `time`. */
static uint32_t advance(const itr_svdf_s8_s8_params *p, int32_t newest, const int8_t *before,
                        const int8_t *time, int8_t *after) {
  const int32_t code = itr_scale(newest, p->state_multiplier, p->state_shift) + p->state_zero;
  for (int32_t m = 1; m < p->memory; m++) {
    after[m - 1] = before[m];
  }
  after[p->memory - 1] = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
  uint32_t sum = 0;
  for (int32_t m = 0; m < p->memory; m++) {
    sum += (uint32_t)((after[m] - p->state_zero) * time[m]);
  }
  return sum;
}

void itr_svdf_s8_s8__scalar(const itr_svdf_s8_s8_params *p, const int8_t *in, const int8_t *state,
                            const int8_t *features, const int8_t *time, const int32_t *bias,
                            int8_t *out, int8_t *state_after) {
  for (int32_t b = 0; b < p->batch; b++) {
    for (int32_t u = 0; u < p->units; u++) {
      uint32_t sum = (uint32_t)bias[u];
      for (int32_t f = u * p->rank; f < (u + 1) * p->rank; f++) {
        const int32_t row = (b * p->units * p->rank + f) * p->memory;
        const int32_t newest =
            itr_dot_s8(in + b * p->width, features + f * p->width, p->width, p->in_zero, 0);
        sum += advance(p, newest, state + row, time + f * p->memory, state_after + row);
      }
      const int32_t code = itr_scale((int32_t)sum, p->multiplier, p->shift) + p->out_zero;
      *out++ = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
    }
  }
}
