// SPDX-License-Identifier: Apache-2.0
/* ADD: `out = clamp(a + b)`. The second operand may be a constant.
 *
 * int8: `sum = scale(a - a_zero) + scale(b - b_zero)` on twice the larger of the two scales with 20
 * more bits, then `out = clamp(scale(sum) + out_zero)`; every `scale` has its own multiplier and
 * shift (shift <= 0) and rounds twice. `out` may be an operand that has as many elements as `out`.
 */
#ifndef INTARSIA_ADD_H
#define INTARSIA_ADD_H

#include <stdint.h>

typedef struct {
  int32_t size;
  int32_t a_zero, a_multiplier, a_shift;
  int32_t b_zero, b_multiplier, b_shift;
  int32_t out_zero, out_multiplier, out_shift;
  int32_t minimum, maximum;
} itr_add_s8_params;

/* `runs` runs (intarsia/packed.h) of `count` elements; each operand and the output 8, 4 or 2 bits.
 */
typedef struct {
  int32_t runs, count, a_bits, b_bits, out_bits;
  int32_t a_zero, a_multiplier, a_shift;
  int32_t b_zero, b_multiplier, b_shift;
  int32_t out_zero, out_multiplier, out_shift;
  int32_t minimum, maximum;
} itr_add_packed_params;

/* `shape`: extents of the output, the innermost last; strides of 0 repeat an operand along an axis.
 */
typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t a_zero, a_multiplier, a_shift;
  int32_t b_zero, b_multiplier, b_shift;
  int32_t out_zero, out_multiplier, out_shift;
  int32_t minimum, maximum;
} itr_add_broadcast_s8_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  float minimum, maximum;
} itr_add_f32_params;

typedef itr_add_f32_params itr_add_f16_params;

typedef struct {
  int32_t shape[4], a_stride[4], b_stride[4];
  int32_t minimum, maximum;
} itr_add_s32_params;

/* int8 operands of `size` elements each. */
void itr_add_s8__scalar(const itr_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out);

/* int8 operands that are repeated to the shape of the output. */
void itr_add_broadcast_s8__scalar(const itr_add_broadcast_s8_params *p, const int8_t *a,
                                  const int8_t *b, int8_t *out);

/* The arithmetic of int8 on codes of other widths. `out` may be an operand whose elements are at
 * least as wide. */
void itr_add_packed__scalar(const itr_add_packed_params *p, const void *a, const void *b,
                            void *out);

void itr_add_f32__scalar(const itr_add_f32_params *p, const float *a, const float *b, float *out);

/* The same for half precision in memory: sums in float, the result rounded to nearest even. */
void itr_add_f16__scalar(const itr_add_f16_params *p, const uint16_t *a, const uint16_t *b,
                         uint16_t *out);

/* Sums wrap modulo 2^32 before they are clamped. */
void itr_add_s32__scalar(const itr_add_s32_params *p, const int32_t *a, const int32_t *b,
                         int32_t *out);

typedef itr_add_broadcast_s8_params itr_add_s16_params;

/* The arithmetic of int8 with 15 more bits; operands are repeated to the shape of the output. */
void itr_add_s16__scalar(const itr_add_s16_params *p, const int16_t *a, const int16_t *b,
                         int16_t *out);

#endif
