// SPDX-License-Identifier: Apache-2.0
#include "intarsia/fixedpoint_functions.h"
#include "intarsia/interpolation.h"
#include "intarsia/softmax.h"

/* Writes the exponentials of a row; returns their sum. */
static int32_t exponentials_of(const itr_softmax_s16_params *p, const int16_t *in,
                               const int16_t *table, int16_t *out) {
  int32_t largest = in[0];
  for (int32_t i = 1; i < p->depth; i++) {
    largest = in[i] > largest ? in[i] : largest;
  }
  int32_t sum = 0;
  for (int32_t i = 0; i < p->depth; i++) {
    const int32_t code = itr_scale(in[i] - largest, p->multiplier, p->shift) + 32767;
    out[i] = (int16_t)itr_interpolated(table, itr_clamp(code, INT16_MIN, INT16_MAX));
    sum += out[i];
  }
  return sum;
}

void itr_softmax_s16__scalar(const itr_softmax_s16_params *p, const int16_t *in,
                             const int16_t *exponentials, const int16_t *reciprocals,
                             int16_t *out) {
  for (int32_t r = 0; r < p->rows; r++) {
    const int32_t sum = exponentials_of(p, in, exponentials, out);
    const int32_t headroom = itr_leading_zeros((uint32_t)sum);
    const int32_t shifted = (int32_t)((((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14);
    const int32_t code = itr_clamp(shifted - ((1 << 15) + (1 << 16)), INT16_MIN, INT16_MAX);
    const int64_t reciprocal = itr_interpolated(reciprocals, code);
    const int32_t right = 31 - headroom; // the largest value of a row adds 32767 to the sum
    for (int32_t i = 0; i < p->depth; i++) {
      // NOLINTNEXTLINE(clang-analyzer-core.BitwiseShift)
      const int32_t value = (int32_t)((out[i] * reciprocal + (INT64_C(1) << (right - 1))) >> right);
      out[i] = (int16_t)itr_clamp(value, 0, INT16_MAX);
    }
    in += p->depth;
    out += p->depth;
  }
}
