// SPDX-License-Identifier: Apache-2.0
/* MUL: `out = clamp(a * b)`; int8: `out = clamp(scale((a - a_zero) * (b - b_zero)) + out_zero)`,
 * the factor may be above
 * 1. The second operand may be a constant. `out` may be an operand that has as many elements as
 * `out`. */
#ifndef INTARSIA_MUL_H
#define INTARSIA_MUL_H

#include <stdint.h>

typedef struct {
  int32_t size;
  int32_t a_zero, b_zero, out_zero, multiplier, shift;
  int32_t minimum, maximum;
} itr_mul_s8_params;

/* `shape`: extents of the output, the innermost last; strides of 0 repeat an operand along an axis.
 */
typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t a_zero, b_zero, out_zero, multiplier, shift;
  int32_t minimum, maximum;
} itr_mul_broadcast_s8_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  float minimum, maximum;
} itr_mul_f32_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t minimum, maximum;
} itr_mul_s32_params;

/* int8 operands of `size` elements each. */
void itr_mul_s8__scalar(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out);
void itr_mul_s8__rvv(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out);
void itr_mul_s8__mve(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out);
void itr_mul_s8__dsp(const itr_mul_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out);

/* int8 operands that are repeated to the shape of the output. */
void itr_mul_broadcast_s8__scalar(const itr_mul_broadcast_s8_params *p, const int8_t *a,
                                  const int8_t *b, int8_t *out);
void itr_mul_broadcast_s8__rvv(const itr_mul_broadcast_s8_params *p, const int8_t *a,
                               const int8_t *b, int8_t *out);
void itr_mul_broadcast_s8__mve(const itr_mul_broadcast_s8_params *p, const int8_t *a,
                               const int8_t *b, int8_t *out);
void itr_mul_broadcast_s8__dsp(const itr_mul_broadcast_s8_params *p, const int8_t *a,
                               const int8_t *b, int8_t *out);

void itr_mul_f32__scalar(const itr_mul_f32_params *p, const float *a, const float *b, float *out);

/* Products wrap modulo 2^32 before they are clamped. */
void itr_mul_s32__scalar(const itr_mul_s32_params *p, const int32_t *a, const int32_t *b,
                         int32_t *out);

typedef itr_mul_broadcast_s8_params itr_mul_s16_params;

/* The arithmetic of int8 with a factor of at most 1; operands are repeated to the shape of the
 * output. */
void itr_mul_s16__scalar(const itr_mul_s16_params *p, const int16_t *a, const int16_t *b,
                         int16_t *out);

#endif
