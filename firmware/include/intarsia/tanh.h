// SPDX-License-Identifier: Apache-2.0
/* TANH in float32; see intarsia/floatmath.h for its error. `out` may be `in`. */
#ifndef INTARSIA_TANH_H
#define INTARSIA_TANH_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_tanh_f32_params;

void itr_tanh_f32__scalar(const itr_tanh_f32_params *p, const float *in, float *out);

typedef struct {
  int32_t size;
  int32_t multiplier, shift;
} itr_tanh_s16_params;

/* int16 to Q0.15 by interpolation in a table of 256 values of 65536 / (1 + exp(-i / 24)), unsigned;
 * `multiplier` and `shift` to the right bring codes to 3 * 4096 steps per unit. `out` may be `in`.
 */
void itr_tanh_s16__scalar(const itr_tanh_s16_params *p, const int16_t *in, const int16_t *table,
                          int16_t *out);

#endif
