// SPDX-License-Identifier: Apache-2.0
/* FULLY_CONNECTED: [batch][columns] times weights [units][columns], giving [batch][units]. `out`
 * may not overlap `in`. */
#ifndef INTARSIA_FULLY_CONNECTED_H
#define INTARSIA_FULLY_CONNECTED_H

#include <stdint.h>

typedef struct {
  int32_t batch, columns, units;
  int32_t in_zero, weights_zero, out_zero, minimum, maximum;
} itr_fully_connected_s8_s8_params;

typedef itr_fully_connected_s8_s8_params itr_fully_connected_s8_s8_once_params;

typedef struct {
  int32_t batch, columns, units;
  float minimum, maximum;
} itr_fully_connected_f32_params;

/* With sum[u] = bias[u] + sum over columns of (in - in_zero) * (weights - weights_zero), in both
 * int8 kernels:
 *
 * out = clamp(itr_scale(sum[u], multiplier[u], shift[u]) + out_zero). */
void itr_fully_connected_s8_s8__scalar(const itr_fully_connected_s8_s8_params *p, const int8_t *in,
                                       const int8_t *weights, const int32_t *bias,
                                       const int32_t *multiplier, const int8_t *shift, int8_t *out);

/* out = clamp(itr_scale_away(sum[u], multiplier[u], shift[u]) + out_zero): one rounding. */
void itr_fully_connected_s8_s8_once__scalar(const itr_fully_connected_s8_s8_once_params *p,
                                            const int8_t *in, const int8_t *weights,
                                            const int32_t *bias, const int64_t *multiplier,
                                            const int8_t *shift, int8_t *out);

/* out = clamp(sum in * weights + bias[u]), products added by column, bias last. */
void itr_fully_connected_f32__scalar(const itr_fully_connected_f32_params *p, const float *in,
                                     const float *weights, const float *bias, float *out);

/* x * multiplier / 2^shift, rounded once, ties away from zero. multiplier >= 0, 1 <= shift <= 62,
 * |x| * multiplier + 2^(shift - 1) < 2^63. The result saturates at +-2^30. */
static inline int32_t itr_scale_away(int32_t x, int64_t multiplier, int32_t shift) {
  const int64_t magnitude = x < 0 ? -(int64_t)x : x;
  const int64_t wide = (magnitude * multiplier + (INT64_C(1) << (shift - 1))) >> shift;
  const int32_t result = wide < (1 << 30) ? (int32_t)wide : 1 << 30;
  return x < 0 ? -result : result;
}

#endif
