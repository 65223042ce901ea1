// SPDX-License-Identifier: Apache-2.0
/* Half precision (IEEE 754 binary16) as 16 bits. Where the compiler knows the type, it converts. */
#ifndef INTARSIA_HALF_H
#define INTARSIA_HALF_H

#include <stdint.h>
#include <string.h>

#if (defined(__ARM_FP16_FORMAT_IEEE) && defined(__ARM_FP)) || defined(__riscv_zfhmin)

#if defined(__riscv)
typedef _Float16 itr_half;
#else
typedef __fp16 itr_half;
#endif

static inline float itr_half_widen(uint16_t half) {
  itr_half value;
  memcpy(&value, &half, sizeof value);
  return (float)value;
}

static inline uint16_t itr_half_narrow(float value) {
  const itr_half narrow = (itr_half)value;
  uint16_t half;
  memcpy(&half, &narrow, sizeof half);
  return half;
}

#elif defined(__riscv_zhinxmin) || defined(__riscv_zfhmin)

static inline float itr_half_widen(uint16_t half) {
  _Float16 value;
  memcpy(&value, &half, sizeof value);
  return (float)value;
}

static inline uint16_t itr_half_narrow(float value) {
  const _Float16 narrow = (_Float16)value;
  uint16_t half;
  memcpy(&half, &narrow, sizeof half);
  return half;
}

#else

static inline float itr_half_widen(uint16_t half) {
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

/* Rounds to nearest, ties to even. */
static inline uint16_t itr_half_narrow(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { /* NaN */
    return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
  }
  if (magnitude >= 0x47800000u) { /* 65536 and more; what rounds up to it follows below */
    return (uint16_t)(sign | 0x7c00u);
  }
  if (magnitude <
      0x38800000u) { /* below 2^-14: adding 0.5 leaves multiples of 2^-24 in the fraction */
    float small;
    memcpy(&small, &magnitude, sizeof small);
    small += 0.5f;
    uint32_t shifted;
    memcpy(&shifted, &small, sizeof shifted);
    return (uint16_t)(sign | (shifted - 0x3f000000u));
  }
  const uint32_t odd = magnitude >> 13 & 1u;
  return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

#endif

#endif
