// SPDX-License-Identifier: Apache-2.0
/* ADD as a linear form. */
#ifndef ITR_BLOCKED_ADD_H
#define ITR_BLOCKED_ADD_H

#include <stdint.h>

/* out = clamp((a * a_factor + b * b_factor + constant) >> right) */
typedef struct {
  int32_t size;
  int32_t a_factor, b_factor, constant, right;
  int32_t minimum, maximum;
} itr_blocked_add_params;

void itr_blocked_add(const int8_t *a, const int8_t *b, int8_t *out,
                     const itr_blocked_add_params *s);

#endif
