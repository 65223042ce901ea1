// SPDX-License-Identifier: Apache-2.0
/* ADD as a linear form. */
#ifndef ITR_XPULP_ADD_H
#define ITR_XPULP_ADD_H

#include <stdint.h>

/* out = clamp((a * a_factor + b * b_factor + constant) >> right). The function in assembler reads
 * the fields by their place. */
typedef struct {
  int32_t size;
  int32_t a_factor, b_factor, constant, right;
  int32_t minimum, maximum;
} itr_xpulp_add_params;

void itr_xpulp_add_limits(const int8_t *a, const int8_t *b, int8_t *out,
                          const itr_xpulp_add_params *s);

/* The same where the limits are those of int8. */
void itr_xpulp_add_full(const int8_t *a, const int8_t *b, int8_t *out,
                        const itr_xpulp_add_params *s);

#endif
