// SPDX-License-Identifier: Apache-2.0
/* SOFTMAX along the last axis: `rows` rows of `depth` values.
 *
 * int8: differences from the largest code of a row are brought to Q5.26 by multiplier and shift
 * (shift >= 0), their exponentials are summed in Q12.19, and each is multiplied by the reciprocal
 * of the sum. Differences below diff_min count as minus infinity. Output scales are 1/256 with zero
 * point -128 (int8) and 1/65536 with -32768 (int16). */
#ifndef INTARSIA_SOFTMAX_H
#define INTARSIA_SOFTMAX_H

#include <stdint.h>

typedef struct {
  int32_t rows, depth;
  int32_t multiplier, shift, diff_min;
} itr_softmax_s8_params;

typedef itr_softmax_s8_params itr_softmax_s8_s16_params;

typedef struct {
  int32_t rows, depth;
  float beta;
} itr_softmax_f32_params;

/* `out` may be `in`. */
void itr_softmax_s8__scalar(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out);
void itr_softmax_s8__rvv(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out);
void itr_softmax_s8__mve(const itr_softmax_s8_params *p, const int8_t *in, int8_t *out);

void itr_softmax_s8_s16__scalar(const itr_softmax_s8_s16_params *p, const int8_t *in, int16_t *out);

/* `exp((in - max) * beta) / sum`, summed in the order of the elements. `out` may be `in`. Vectors:
 * exponentials as in intarsia/exponential_mvef.h and _zve32f.h, sums of four lanes on Helium; all
 * but portable C multiply by 1 / sum. */
void itr_softmax_f32__scalar(const itr_softmax_f32_params *p, const float *in, float *out);
void itr_softmax_f32__mvef(const itr_softmax_f32_params *p, const float *in, float *out);
void itr_softmax_f32__xf16(const itr_softmax_f32_params *p, const float *in, float *out);
void itr_softmax_f32__zve32f(const itr_softmax_f32_params *p, const float *in, float *out);

typedef struct {
  int32_t rows, depth;
  int32_t multiplier, shift;
} itr_softmax_s16_params;

/* int16 to Q0.15 by tables of 513 values (intarsia/interpolation.h): exp of [-10, 0], and 1 / (1 +
 * x) of [0, 1]. `out` may be `in`. */
void itr_softmax_s16__scalar(const itr_softmax_s16_params *p, const int16_t *in,
                             const int16_t *exponentials, const int16_t *reciprocals, int16_t *out);

#endif
