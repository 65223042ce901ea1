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

/* Rows of the input are runs of `in_run` elements. */
typedef struct {
  int32_t batch, columns, units;
  int32_t in_zero, weights_zero, out_zero, minimum, maximum;
  int32_t in_run, in_bits, out_bits, mixed;
} itr_fully_connected_packed_params;

typedef itr_fully_connected_packed_params itr_fully_connected_packed_once_params;

typedef struct {
  int32_t batch, columns, units;
  float minimum, maximum;
} itr_fully_connected_f32_params;

typedef itr_fully_connected_f32_params itr_fully_connected_f16_params;

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

/* Both for feature maps of in_bits and out_bits and weights of weights_bits, each 8, 4 or 2
 * (intarsia/packed.h). weights_bits has one entry, or with mixed = 1 one for each unit, whose
 * weights are one run. Scratch: a row of int16_t. */
void itr_fully_connected_packed__scalar(const itr_fully_connected_packed_params *p, const void *in,
                                        const uint8_t *weights, const int32_t *bias,
                                        const int32_t *multiplier, const int8_t *shift,
                                        const int8_t *weights_bits, void *out, void *scratch);

void itr_fully_connected_packed_once__scalar(const itr_fully_connected_packed_once_params *p,
                                             const void *in, const uint8_t *weights,
                                             const int32_t *bias, const int64_t *multiplier,
                                             const int8_t *shift, const int8_t *weights_bits,
                                             void *out, void *scratch);

/* out = clamp(sum in * weights + bias[u]), products added by column, bias last. */
void itr_fully_connected_f32__scalar(const itr_fully_connected_f32_params *p, const float *in,
                                     const float *weights, const float *bias, float *out);

/* The same for half precision in memory: sums in float, the result rounded to nearest even. */
void itr_fully_connected_f16__scalar(const itr_fully_connected_f16_params *p, const uint16_t *in,
                                     const uint16_t *weights, const float *bias, uint16_t *out);

/* x * multiplier / 2^shift, rounded once, ties away from zero. multiplier >= 0, 1 <= shift <= 62,
 * |x| * multiplier + 2^(shift - 1) < 2^63. The result saturates at +-2^30. */
static inline int32_t itr_scale_away(int32_t x, int64_t multiplier, int32_t shift) {
  const int64_t magnitude = x < 0 ? -(int64_t)x : x;
  const int64_t wide = (magnitude * multiplier + (INT64_C(1) << (shift - 1))) >> shift;
  const int32_t result = wide < (1 << 30) ? (int32_t)wide : 1 << 30;
  return x < 0 ? -result : result;
}

typedef struct {
  int32_t batch, columns, units;
  int32_t minimum, maximum;
} itr_fully_connected_s16_s8_params;

/* 16x8: out = clamp(itr_scale_wide(bias[u] + sum in * weights, multiplier[u], shift[u])), all zero
 * points 0. `out` may not overlap `in`. */
void itr_fully_connected_s16_s8__scalar(const itr_fully_connected_s16_s8_params *p,
                                        const int16_t *in, const int8_t *weights,
                                        const int64_t *bias, const int32_t *multiplier,
                                        const int8_t *shift, int16_t *out);

typedef itr_fully_connected_s16_s8_params itr_fully_connected_s16_s8_unbiased_params;

/* 16x8 without a bias: sums of 32 bits, out = clamp(itr_scale(sum in * weights, multiplier[u],
 * shift[u])). */
void itr_fully_connected_s16_s8_unbiased__scalar(
    const itr_fully_connected_s16_s8_unbiased_params *p, const int16_t *in, const int8_t *weights,
    const int32_t *multiplier, const int8_t *shift, int16_t *out);

#endif
