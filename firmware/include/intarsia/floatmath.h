// SPDX-License-Identifier: Apache-2.0
/* Exponential, logarithm, hyperbolic tangent, logistic function, GELU and square root in float32
 * without a mathematics library, as sdk/intarsia/floatmath.py defines them: equal bits wherever
 * float32 is IEEE 754 and products are not fused into sums (-ffp-contract=off).
 *
 * Largest errors against the exact value, measured over all floats, in units in the last place:
 * exp 1.0, log 0.9, tanh 1.4, logistic 2.0 (below its cut-off of -9 against exp(x)). GELU, which
 * vanishes below zero, stays within 4e-7 of the exact value from -20 to 20. */
#ifndef INTARSIA_FLOATMATH_H
#define INTARSIA_FLOATMATH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline float itr_float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* 2^n for normal results, -126 <= n <= 127. */
static inline float itr_power_of_two(int32_t n) {
  return itr_float_of_bits((uint32_t)(n + 127) << 23);
}

static inline float itr_exp(float x) {
  if (x > 88.72283f) {
    return itr_float_of_bits(0x7f800000u);
  }
  if (x < -103.97208f) {
    return 0.0f;
  }
  if (!(x == x)) {
    return x;
  }
  const float turns = x * 1.44269504f;
  const int32_t n = (int32_t)(turns + (turns < 0.0f ? -0.5f : 0.5f));
  const float high = x - (float)n * 0.693359375f;
  const float r = high - (float)n * -2.12194440e-4f;
  float tail = 0.0013814453268423676f;
  tail = tail * r + 0.008368778973817825f;
  tail = tail * r + 0.04166839271783829f;
  tail = tail * r + 0.1666651964187622f;
  tail = tail * r + 0.4999999403953552f;
  const float mantissa = (r * r * tail + r) + 1.0f;
  return mantissa * itr_power_of_two(n / 2) * itr_power_of_two(n - n / 2);
}

/* Natural logarithm of a positive normal number. */
static inline float itr_log(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t n = (int32_t)((bits - 0x3f3504f3u) >> 23) - (bits < 0x3f3504f3u ? 512 : 0);
  const float f = itr_float_of_bits(bits - ((uint32_t)n << 23)) - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float tail = 0.23596297204494476f;
  tail = tail * z + 0.2853660583496094f;
  tail = tail * z + 0.40000346302986145f;
  tail = tail * z + 0.6666666269302368f;
  const float half_square = 0.5f * f * f;
  const float low = s * (half_square + z * tail) + (float)n * -2.12194440e-4f;
  return (float)n * 0.693359375f - ((half_square - low) - f);
}

static inline float itr_tanh(float x) {
  const float magnitude = x < 0.0f ? -x : x;
  if (magnitude < 0.625f) {
    const float z = x * x;
    float tail = -0.005717077292501926f;
    tail = tail * z + 0.02065061405301094f;
    tail = tail * z + -0.05374350771307945f;
    tail = tail * z + 0.13331490755081177f;
    tail = tail * z + -0.3333328366279602f;
    return z * tail * x + x;
  }
  const float result = 1.0f - 2.0f / (itr_exp(2.0f * magnitude) + 1.0f);
  return x < 0.0f ? -result : result;
}

/* Square root, correctly rounded; NaN for negative numbers. */
static inline float itr_sqrt(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x == 0.0f || bits >= 0x7f800000u) {
    return x > 0.0f || x == 0.0f ? x : itr_float_of_bits(0x7fc00000u);
  }
  int32_t exponent = (int32_t)(bits >> 23) - 127;
  uint32_t mantissa = bits & 0x7fffffu;
  if (exponent > -127) {
    mantissa |= 0x800000u;
  } else {
    for (exponent = -126; (mantissa & 0x800000u) == 0; exponent--) {
      mantissa <<= 1;
    }
  }
  const bool odd = (exponent & 1) != 0;
  uint64_t rest = (uint64_t)mantissa << (odd ? 26 : 25);
  uint64_t root = 0;
  for (uint64_t bit = UINT64_C(1) << 50; bit != 0; bit >>= 2) {
    const uint64_t trial = root + bit;
    root >>= 1;
    if (rest >= trial) {
      rest -= trial;
      root += bit;
    }
  }
  const int32_t half = (exponent - (odd ? 1 : 0)) / 2;
  return itr_float_of_bits((uint32_t)((half + 126) << 23) + (uint32_t)((root + 1) >> 1));
}

/* 1 / (1 + exp(-x)), with the cut-offs of the TensorFlow Lite reference kernel. */
static inline float itr_logistic(float x) {
  if (x > 16.619047164916992188f) {
    return 1.0f;
  }
  if (x < -9.0f) {
    return itr_exp(x);
  }
  return 1.0f / (1.0f + itr_exp(-x));
}

/* x times the share of a normal distribution below x. Near zero the error function is a polynomial,
 * far from it one in 1 / (1 + 0.4 t) times exp(-t * t). */
static inline float itr_gelu(float x) {
  const float t = (x < 0.0f ? -x : x) * 0.70710678f;
  const float z = t * t;
  if (t < 1.0f) {
    float slope = -5.63143844e-4f;
    slope = slope * z + 4.91755603e-3f;
    slope = slope * z + -2.67113161e-2f;
    slope = slope * z + 1.12801803e-1f;
    slope = slope * z + -3.76123262e-1f;
    slope = slope * z + 1.12837912f;
    return x * (0.5f + 0.5f * (x * 0.70710678f * slope));
  }
  float beyond = 0.0f;
  if (t < 10.0f) {
    const float u = 1.0f / (1.0f + 0.4f * t);
    float tail = -1.16688140e-1f;
    tail = tail * u + 2.44759870e-1f;
    tail = tail * u + 7.00131000e-3f;
    tail = tail * u + 2.13762910e-1f;
    tail = tail * u + 1.98563270e-1f;
    tail = tail * u + 2.26727340e-1f;
    tail = tail * u + 2.25624800e-1f;
    beyond = 0.5f * (itr_exp(-z) * (u * tail));
  }
  return x * (x < 0.0f ? beyond : 1.0f - beyond);
}

static inline float itr_gelu_tanh(float x) {
  const float inner = 0.79788456f * (x + 0.044715f * (x * x * x));
  return 0.5f * x * (1.0f + itr_tanh(inner));
}

#endif
