// SPDX-License-Identifier: Apache-2.0
/* DEQUANTIZE: codes to float32, `out = scale * (in - zero)`; IEEE 754 half precision (as bits) to
 * float32, exact. To half precision: the same, rounded to nearest even. */
#ifndef INTARSIA_DEQUANTIZE_H
#define INTARSIA_DEQUANTIZE_H

#include <stdint.h>

typedef struct {
  int32_t size;
  float scale;
  int32_t zero;
} itr_dequantize_params;

typedef itr_dequantize_params itr_dequantize_s8_f32_params;
typedef itr_dequantize_params itr_dequantize_u8_f32_params;
typedef itr_dequantize_params itr_dequantize_s16_f32_params;

typedef itr_dequantize_params itr_dequantize_s8_f16_params;

typedef struct {
  int32_t size;
} itr_dequantize_f16_f32_params;

void itr_dequantize_s8_f32__scalar(const itr_dequantize_s8_f32_params *p, const int8_t *in,
                                   float *out);
void itr_dequantize_u8_f32__scalar(const itr_dequantize_u8_f32_params *p, const uint8_t *in,
                                   float *out);
void itr_dequantize_s16_f32__scalar(const itr_dequantize_s16_f32_params *p, const int16_t *in,
                                    float *out);
void itr_dequantize_f16_f32__scalar(const itr_dequantize_f16_f32_params *p, const uint16_t *in,
                                    float *out);
void itr_dequantize_s8_f16__scalar(const itr_dequantize_s8_f16_params *p, const int8_t *in,
                                   uint16_t *out);
void itr_dequantize_s8_f16__mvef(const itr_dequantize_s8_f16_params *p, const int8_t *in,
                                 uint16_t *out);

#endif
