// SPDX-License-Identifier: Apache-2.0
/* ADD by three multiplications, as the reference does it. */
#ifndef ITR_MVE_ADD_SCALED_H
#define ITR_MVE_ADD_SCALED_H

#include <stdint.h>

/* As itr_add_s8_params; all shifts are 0 or negative. */
typedef struct {
  int32_t size;
  int32_t a_zero, a_multiplier, a_shift;
  int32_t b_zero, b_multiplier, b_shift;
  int32_t out_zero, out_multiplier, out_shift;
  int32_t minimum, maximum;
} itr_mve_add_scaled_params;

void itr_mve_add_scaled(const int8_t *a, const int8_t *b, int8_t *out,
                        const itr_mve_add_scaled_params *s);

#endif
