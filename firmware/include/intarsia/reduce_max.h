// SPDX-License-Identifier: Apache-2.0
/* REDUCE_MAX of [kept_0][reduced_0][kept_1][reduced_1][kept_2] over the reduced axes, giving
 * [kept_0][kept_1][kept_2]. `out` may not overlap `in`. */
#ifndef INTARSIA_REDUCE_MAX_H
#define INTARSIA_REDUCE_MAX_H

#include <stdint.h>

typedef struct {
  int32_t kept_0, reduced_0, kept_1, reduced_1, kept_2;
} itr_reduce_max_s8_params;

typedef itr_reduce_max_s8_params itr_reduce_max_s16_params;
typedef itr_reduce_max_s8_params itr_reduce_max_f32_params;

void itr_reduce_max_s8__scalar(const itr_reduce_max_s8_params *p, const int8_t *in, int8_t *out);
void itr_reduce_max_s16__scalar(const itr_reduce_max_s16_params *p, const int16_t *in,
                                int16_t *out);
void itr_reduce_max_f32__scalar(const itr_reduce_max_f32_params *p, const float *in, float *out);

#endif
