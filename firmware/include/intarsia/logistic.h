// SPDX-License-Identifier: Apache-2.0
/* LOGISTIC in float32: `out = 1 / (1 + exp(-in))`; see intarsia/floatmath.h for its error. `out`
 * may be `in`. */
#ifndef INTARSIA_LOGISTIC_H
#define INTARSIA_LOGISTIC_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_logistic_f32_params;

void itr_logistic_f32__scalar(const itr_logistic_f32_params *p, const float *in, float *out);

typedef struct {
  int32_t size;
  int32_t multiplier, shift;
} itr_logistic_s16_params;

/* int16 to Q0.15 by interpolation in a table of 256 values of 65536 / (1 + exp(-i / 24)), unsigned;
 * `multiplier` and `shift` to the right bring codes to 3 * 4096 steps per unit. `out` may be `in`.
 */
void itr_logistic_s16__scalar(const itr_logistic_s16_params *p, const int16_t *in,
                              const int16_t *table, int16_t *out);

#endif
