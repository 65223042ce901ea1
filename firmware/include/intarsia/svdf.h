// SPDX-License-Identifier: Apache-2.0
/* SVDF: `units` dense units of `rank` filters each, over the last `memory` results of every filter.
 *
 * A filter multiplies the input with its `features`; the result, rescaled, becomes the newest of
 * its row in the state. The sum of all rows of a unit times `time`, plus `bias`, rescaled, is the
 * output. `state` is what the last inference left, `state_after`, which may be `state`, what this
 * one leaves. */
#ifndef INTARSIA_SVDF_H
#define INTARSIA_SVDF_H

#include <stdint.h>

typedef struct {
  int32_t batch, width, units, rank, memory;
  int32_t in_zero, state_zero, out_zero;
  int32_t state_multiplier, state_shift, multiplier, shift;
} itr_svdf_s8_s16_params;

typedef struct {
  int32_t batch, width, units, rank, memory;
  int32_t in_zero, state_zero, out_zero;
  int32_t state_multiplier, state_shift, multiplier, shift;
} itr_svdf_s8_s8_params;

typedef struct {
  int32_t batch, width, units, rank, memory;
  float minimum, maximum;
} itr_svdf_f32_params;

void itr_svdf_s8_s16__scalar(const itr_svdf_s8_s16_params *p, const int8_t *in,
                             const int16_t *state, const int8_t *features, const int16_t *time,
                             const int32_t *bias, int8_t *out, int16_t *state_after);
void itr_svdf_s8_s8__scalar(const itr_svdf_s8_s8_params *p, const int8_t *in, const int8_t *state,
                            const int8_t *features, const int8_t *time, const int32_t *bias,
                            int8_t *out, int8_t *state_after);
void itr_svdf_f32__scalar(const itr_svdf_f32_params *p, const float *in, const float *state,
                          const float *features, const float *time, const float *bias, float *out,
                          float *state_after);

#endif
