// SPDX-License-Identifier: Apache-2.0
#include "intarsia/l2_normalization.h"

#include "intarsia/fixedpoint_functions.h"

void itr_l2_normalization_s8__scalar(const itr_l2_normalization_s8_params *p, const int8_t *in,
                                     int8_t *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
      const int32_t value = in[i] - p->in_zero;
      sum += value * value;
    }
    int32_t shift;
    const int32_t root = itr_inverse_square_root(sum, &shift);
    for (int32_t i = 0; i < p->depth; i++) {
      const int32_t code = itr_scale(*in++ - p->in_zero, root, shift + 7);
      *out++ = (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
    }
  }
}
