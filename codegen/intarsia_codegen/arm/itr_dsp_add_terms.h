// SPDX-License-Identifier: Apache-2.0
/* Elementwise addition of int8 feature maps, exactly as the rule says. */
#ifndef ITR_DSP_ADD_TERMS_H
#define ITR_DSP_ADD_TERMS_H

#include <stdint.h>

/* `a` and `b`: what every code of an operand adds to the sum, from code 0 up and then from -128 on.
 */
typedef struct {
  const int32_t *a, *b;
  int32_t multiplier, right; /* of the sum, rounded twice */
  int32_t zero, minimum, maximum;
} itr_dsp_add_terms;

/* `out` may be `a` or `b`. */
void itr_dsp_add_by_terms(const itr_dsp_add_terms *layer, int32_t size, const int8_t *a,
                          const int8_t *b, int8_t *out);

#endif
