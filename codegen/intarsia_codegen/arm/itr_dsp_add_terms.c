// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_add_terms.h"

/* (2 x y + 2^31) >> 32 */
static inline int32_t rounded_product(int32_t x, int32_t y) {
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"((int32_t)((uint32_t)x << 1)), "r"(y));
  return result;
}

void itr_dsp_add_by_terms(const itr_dsp_add_terms *layer, int32_t size, const int8_t *a,
                          const int8_t *b, int8_t *out) {
  const itr_dsp_add_terms p = *layer;
  const int32_t half = (int32_t)((UINT32_C(1) << p.right) >> 1);
  const int32_t sign = p.right > 0 ? -1 : 0; /* ties go away from 0 */
  for (int32_t i = 0; i < size; i++) {
    const int32_t sum = p.a[(uint8_t)a[i]] + p.b[(uint8_t)b[i]];
    const int32_t scaled = rounded_product(sum, p.multiplier);
    int32_t code = ((scaled + half + (scaled >> 31 & sign)) >> p.right) + p.zero;
    code = code < p.minimum ? p.minimum : code;
    out[i] = (int8_t)(code > p.maximum ? p.maximum : code);
  }
}
