// SPDX-License-Identifier: Apache-2.0
/* SUM of [kept_0][reduced_0][kept_1][reduced_1][kept_2] over the reduced axes, giving
 * [kept_0][kept_1][kept_2]: elements are added in memory order. `out` may not overlap `in`. int8
 * sums are made by the kernel of MEAN. */
#ifndef INTARSIA_SUM_H
#define INTARSIA_SUM_H

#include <stdint.h>

typedef struct {
  int32_t kept_0, reduced_0, kept_1, reduced_1, kept_2;
} itr_sum_f32_params;

void itr_sum_f32__scalar(const itr_sum_f32_params *p, const float *in, float *out);

#endif
