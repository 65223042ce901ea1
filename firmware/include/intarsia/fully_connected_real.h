// SPDX-License-Identifier: Apache-2.0
/* The body of fully_connected for real values. A source that includes this defines ITR_HALF (see
 * intarsia/real.h), ITR_PARAMS and ITR_FUNCTION. */
#include "intarsia/fully_connected.h"
#include "intarsia/real.h"

void ITR_FUNCTION(const ITR_PARAMS *p, const itr_real *in, const itr_real *weights,
                  const float *bias, itr_real *out) {
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t u = 0; u < p->units; u++) {
      const float sum =
          itr_dot_real(0.0f, in + n * p->columns, weights + u * p->columns, p->columns) + bias[u];
      *out++ = itr_real_put(sum < p->minimum ? p->minimum : sum > p->maximum ? p->maximum : sum);
    }
  }
}
