// SPDX-License-Identifier: Apache-2.0
/* LOG_SOFTMAX along the last axis: `rows` rows of `depth` values. `out` may be `in`.
 *
 * int8: as SOFTMAX (intarsia/softmax.h) up to the sum; the output has scale 1/16 and zero point
 * 127. The reverse multiplier and shift take Q5.26 back to a difference of codes. */
#ifndef INTARSIA_LOG_SOFTMAX_H
#define INTARSIA_LOG_SOFTMAX_H

#include <stdint.h>

typedef struct {
  int32_t rows, depth;
  int32_t multiplier, shift, diff_min, reverse_multiplier, reverse_shift;
} itr_log_softmax_s8_params;

typedef struct {
  int32_t rows, depth;
} itr_log_softmax_f32_params;

void itr_log_softmax_s8__scalar(const itr_log_softmax_s8_params *p, const int8_t *in, int8_t *out);

/* `(in - max) - log(sum of exp(in - max))`, summed in the order of the elements. */
void itr_log_softmax_f32__scalar(const itr_log_softmax_f32_params *p, const float *in, float *out);

#endif
