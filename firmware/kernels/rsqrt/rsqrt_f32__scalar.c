// SPDX-License-Identifier: Apache-2.0
#include "intarsia/rsqrt.h"

#include "intarsia/floatmath.h"

void itr_rsqrt_f32__scalar(const itr_rsqrt_f32_params *p, const float *in, float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = 1.0f / itr_sqrt(in[i]);
  }
}
