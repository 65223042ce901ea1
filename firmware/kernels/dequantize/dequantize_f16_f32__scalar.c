// SPDX-License-Identifier: Apache-2.0
#include "intarsia/dequantize.h"

#include <string.h>

static float widen(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t fraction = half & 0x3ffu;
  uint32_t bits;
  float value;
  if (exponent == 0) { /* zero or subnormal: a multiple of 2^-24 */
    value = (float)fraction * 0x1p-24f;
    memcpy(&bits, &value, sizeof bits);
  } else {
    bits = (exponent == 31 ? 255u : exponent + 112u) << 23 | fraction << 13;
  }
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void itr_dequantize_f16_f32__scalar(const itr_dequantize_f16_f32_params *p, const uint16_t *in,
                                    float *out) {
  for (int32_t i = 0; i < p->size; i++) {
    out[i] = widen(in[i]);
  }
}
