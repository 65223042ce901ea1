// SPDX-License-Identifier: Apache-2.0
/* MEAN of [kept_0][reduced_0][kept_1][reduced_1][kept_2] over the reduced axes, giving
 * [kept_0][kept_1][kept_2]. `out` may not overlap `in`. */
#ifndef INTARSIA_MEAN_H
#define INTARSIA_MEAN_H

#include <stdint.h>

typedef struct {
  int32_t kept_0, reduced_0, kept_1, reduced_1, kept_2;
  int32_t in_zero, multiplier, shift, out_zero;
} itr_mean_s8_params;

typedef struct {
  int32_t kept_0, reduced_0, kept_1, reduced_1, kept_2;
} itr_mean_f32_params;

/* out = clamp(itr_scale(sum (in - in_zero), multiplier, shift) + out_zero) to int8; the factor
 * holds 1 / elements. */
void itr_mean_s8__scalar(const itr_mean_s8_params *p, const int8_t *in, int8_t *out);
void itr_mean_s8__rvv(const itr_mean_s8_params *p, const int8_t *in, int8_t *out);
void itr_mean_s8__mve(const itr_mean_s8_params *p, const int8_t *in, int8_t *out);
void itr_mean_s8__xpulp(const itr_mean_s8_params *p, const int8_t *in, int8_t *out);
void itr_mean_s8__dsp(const itr_mean_s8_params *p, const int8_t *in, int8_t *out);

typedef itr_mean_s8_params itr_mean_s16_params;

void itr_mean_s16__scalar(const itr_mean_s16_params *p, const int16_t *in, int16_t *out);

/* Elements are added in memory order, then divided by their number. */
void itr_mean_f32__scalar(const itr_mean_f32_params *p, const float *in, float *out);

#endif
