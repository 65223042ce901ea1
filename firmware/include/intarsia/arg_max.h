// SPDX-License-Identifier: Apache-2.0
/* ARG_MAX and ARG_MIN of [outer][extent][inner] along the middle axis, giving [outer][inner]: the
 * place of the largest `sign * in` (sign: 1 or -1), the first of equal ones. `out` may not overlap
 * `in`. */
#ifndef INTARSIA_ARG_MAX_H
#define INTARSIA_ARG_MAX_H

#include <stdint.h>

typedef struct {
  int32_t outer, extent, inner, sign;
} itr_arg_max_s8_params;

typedef struct {
  int32_t outer, extent, inner;
  float sign;
} itr_arg_max_f32_params;

typedef itr_arg_max_s8_params itr_arg_max_s8_s32_params;
typedef itr_arg_max_s8_params itr_arg_max_s8_s64_params;
typedef itr_arg_max_f32_params itr_arg_max_f32_s32_params;
typedef itr_arg_max_f32_params itr_arg_max_f32_s64_params;

void itr_arg_max_s8_s32__scalar(const itr_arg_max_s8_s32_params *p, const int8_t *in, int32_t *out);
void itr_arg_max_s8_s64__scalar(const itr_arg_max_s8_s64_params *p, const int8_t *in, int64_t *out);
void itr_arg_max_f32_s32__scalar(const itr_arg_max_f32_s32_params *p, const float *in,
                                 int32_t *out);
void itr_arg_max_f32_s64__scalar(const itr_arg_max_f32_s64_params *p, const float *in,
                                 int64_t *out);

#endif
