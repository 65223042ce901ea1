// SPDX-License-Identifier: Apache-2.0
/* QUANTIZE: real values to codes, and codes to codes of another scale or type (int8 to int8 is a
 * table, see intarsia/lookup.h). `out` may be `in` where both types have the same size. */
#ifndef INTARSIA_QUANTIZE_H
#define INTARSIA_QUANTIZE_H

#include <stdint.h>

/* `out = clamp(round(in / scale) + zero)`, ties away from zero; NaN gives the least code. */
typedef struct {
  int32_t size;
  float scale;
  int32_t zero;
} itr_quantize_real_params;

/* `out = clamp(scale(in - in_zero) + out_zero)`, clamped to the output type. */
typedef struct {
  int32_t size;
  int32_t in_zero, out_zero, multiplier, shift;
} itr_quantize_code_params;

typedef itr_quantize_real_params itr_quantize_f32_s8_params;
typedef itr_quantize_real_params itr_quantize_f16_s8_params; /* halves as bits */
typedef itr_quantize_real_params itr_quantize_f32_u8_params;
typedef itr_quantize_real_params itr_quantize_f32_s16_params;
typedef itr_quantize_code_params itr_quantize_s8_u8_params;
typedef itr_quantize_code_params itr_quantize_u8_s8_params;
typedef itr_quantize_code_params itr_quantize_u8_u8_params;
typedef itr_quantize_code_params itr_quantize_s16_s8_params;
typedef itr_quantize_code_params itr_quantize_s16_s16_params;
typedef itr_quantize_code_params itr_quantize_s16_s32_params;

/* The nearest integer, ties away from zero, limited to +-131072; NaN gives the lower limit. */
static inline int32_t itr_round_half_away(float x) {
  if (!(x > -131072.0f)) {
    return -131072;
  }
  if (x > 131072.0f) {
    return 131072;
  }
  const int32_t whole = (int32_t)x;
  const float rest = x - (float)whole;
  return whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0);
}

void itr_quantize_f32_s8__scalar(const itr_quantize_f32_s8_params *p, const float *in, int8_t *out);
void itr_quantize_f32_s8__mve(const itr_quantize_f32_s8_params *p, const float *in, int8_t *out);
void itr_quantize_f16_s8__scalar(const itr_quantize_f16_s8_params *p, const uint16_t *in,
                                 int8_t *out);
void itr_quantize_f16_s8__mvef(const itr_quantize_f16_s8_params *p, const uint16_t *in,
                               int8_t *out);
void itr_quantize_f32_u8__scalar(const itr_quantize_f32_u8_params *p, const float *in,
                                 uint8_t *out);
void itr_quantize_f32_s16__scalar(const itr_quantize_f32_s16_params *p, const float *in,
                                  int16_t *out);
void itr_quantize_s8_u8__scalar(const itr_quantize_s8_u8_params *p, const int8_t *in, uint8_t *out);
void itr_quantize_u8_s8__scalar(const itr_quantize_u8_s8_params *p, const uint8_t *in, int8_t *out);
void itr_quantize_u8_u8__scalar(const itr_quantize_u8_u8_params *p, const uint8_t *in,
                                uint8_t *out);
void itr_quantize_s16_s8__scalar(const itr_quantize_s16_s8_params *p, const int16_t *in,
                                 int8_t *out);
void itr_quantize_s16_s16__scalar(const itr_quantize_s16_s16_params *p, const int16_t *in,
                                  int16_t *out);
void itr_quantize_s16_s32__scalar(const itr_quantize_s16_s32_params *p, const int16_t *in,
                                  int32_t *out);

typedef itr_quantize_code_params itr_quantize_s8_s16_params;
void itr_quantize_s8_s16__scalar(const itr_quantize_s8_s16_params *p, const int8_t *in,
                                 int16_t *out);
typedef itr_quantize_code_params itr_quantize_s32_s8_params;
void itr_quantize_s32_s8__scalar(const itr_quantize_s32_s8_params *p, const int32_t *in,
                                 int8_t *out);
typedef itr_quantize_code_params itr_quantize_s32_s16_params;
void itr_quantize_s32_s16__scalar(const itr_quantize_s32_s16_params *p, const int32_t *in,
                                  int16_t *out);

#endif
