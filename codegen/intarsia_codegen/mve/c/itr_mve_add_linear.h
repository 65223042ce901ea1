// SPDX-License-Identifier: Apache-2.0
/* ADD as a linear form. */
#ifndef ITR_MVE_ADD_LINEAR_H
#define ITR_MVE_ADD_LINEAR_H

#include <stdint.h>

/* out = clamp((a * a_factor + b * b_factor + constant) >> right); `shift` is -right. */
typedef struct {
  int32_t size;
  int32_t a_factor, b_factor, constant, shift;
  int32_t minimum, maximum;
} itr_mve_add_linear_params;

void itr_mve_add_linear(const int8_t *a, const int8_t *b, int8_t *out,
                        const itr_mve_add_linear_params *s);

#endif
