// SPDX-License-Identifier: Apache-2.0
/* CAST of `size` elements. float to integers: cut towards 0 and saturated, NaN gives 0; integers to
 * narrower ones keep the low bits; float to half precision rounds to nearest even. `out` may be
 * `in` where both have the same size. */
#ifndef INTARSIA_CAST_H
#define INTARSIA_CAST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
  int32_t size;
} itr_cast_params;

typedef itr_cast_params itr_cast_f32_s32_params;
typedef itr_cast_params itr_cast_f32_s8_params;
typedef itr_cast_params itr_cast_f32_s16_params;
typedef itr_cast_params itr_cast_f32_b8_params;
typedef itr_cast_params itr_cast_s32_f32_params;
typedef itr_cast_params itr_cast_s8_f32_params;
typedef itr_cast_params itr_cast_u8_f32_params;
typedef itr_cast_params itr_cast_s16_f32_params;
typedef itr_cast_params itr_cast_b8_f32_params;
typedef itr_cast_params itr_cast_s32_s8_params;
typedef itr_cast_params itr_cast_s8_s32_params;
typedef itr_cast_params itr_cast_u8_s32_params;
typedef itr_cast_params itr_cast_b8_s32_params;
typedef itr_cast_params itr_cast_s32_b8_params;
typedef itr_cast_params itr_cast_s32_s64_params;
typedef itr_cast_params itr_cast_s64_s32_params;
typedef itr_cast_params itr_cast_s64_f32_params;
typedef itr_cast_params itr_cast_f16_f32_params;
typedef itr_cast_params itr_cast_f32_f16_params;

void itr_cast_f32_s32__scalar(const itr_cast_f32_s32_params *p, const float *in, int32_t *out);
void itr_cast_f32_s8__scalar(const itr_cast_f32_s8_params *p, const float *in, int8_t *out);
void itr_cast_f32_s16__scalar(const itr_cast_f32_s16_params *p, const float *in, int16_t *out);
void itr_cast_f32_b8__scalar(const itr_cast_f32_b8_params *p, const float *in, bool *out);
void itr_cast_s32_f32__scalar(const itr_cast_s32_f32_params *p, const int32_t *in, float *out);
void itr_cast_s8_f32__scalar(const itr_cast_s8_f32_params *p, const int8_t *in, float *out);
void itr_cast_u8_f32__scalar(const itr_cast_u8_f32_params *p, const uint8_t *in, float *out);
void itr_cast_s16_f32__scalar(const itr_cast_s16_f32_params *p, const int16_t *in, float *out);
void itr_cast_b8_f32__scalar(const itr_cast_b8_f32_params *p, const bool *in, float *out);
void itr_cast_s32_s8__scalar(const itr_cast_s32_s8_params *p, const int32_t *in, int8_t *out);
void itr_cast_s8_s32__scalar(const itr_cast_s8_s32_params *p, const int8_t *in, int32_t *out);
void itr_cast_u8_s32__scalar(const itr_cast_u8_s32_params *p, const uint8_t *in, int32_t *out);
void itr_cast_b8_s32__scalar(const itr_cast_b8_s32_params *p, const bool *in, int32_t *out);
void itr_cast_s32_b8__scalar(const itr_cast_s32_b8_params *p, const int32_t *in, bool *out);
void itr_cast_s32_s64__scalar(const itr_cast_s32_s64_params *p, const int32_t *in, int64_t *out);
void itr_cast_s64_s32__scalar(const itr_cast_s64_s32_params *p, const int64_t *in, int32_t *out);
void itr_cast_s64_f32__scalar(const itr_cast_s64_f32_params *p, const int64_t *in, float *out);
void itr_cast_f16_f32__scalar(const itr_cast_f16_f32_params *p, const uint16_t *in, float *out);
void itr_cast_f32_f16__scalar(const itr_cast_f32_f16_params *p, const float *in, uint16_t *out);

#endif
