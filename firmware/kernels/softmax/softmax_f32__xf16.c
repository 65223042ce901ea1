// SPDX-License-Identifier: Apache-2.0
#include "intarsia/floatmath.h"
#include "intarsia/softmax.h"

/* a * b + c, rounded once. */
static inline float fused(float a, float b, float c) {
  float sum;
  __asm__("fmadd.s %0, %1, %2, %3" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
  return sum;
}

/* exp(x) by the polynomial of `itr_exp`, within 2 units in the last place; 0 where it is below
 * 2^-126, not defined above the largest float. */
static inline float exponential(float x) {
  if (x <= -87.33654f) {
    return 0.0f;
  }
  const int32_t n = (int32_t)fused(x, 1.44269504f, x < 0.0f ? -0.5f : 0.5f);
  const float turns = (float)n;
  const float r = fused(turns, 2.12194440e-4f, fused(turns, -0.693359375f, x));
  float tail = fused(0.0013814453268423676f, r, 0.008368778973817825f);
  tail = fused(tail, r, 0.04166839271783829f);
  tail = fused(tail, r, 0.1666651964187622f);
  tail = fused(tail, r, 0.4999999403953552f);
  const float mantissa = fused(r * r, tail, r) + 1.0f;
  uint32_t bits;
  memcpy(&bits, &mantissa, sizeof bits);
  return itr_float_of_bits(bits + ((uint32_t)n << 23));
}

static float row_maximum(const float *in, int32_t depth) {
  float maximum = in[0];
  for (int32_t i = 1; i < depth; i++) {
    maximum = in[i] > maximum ? in[i] : maximum;
  }
  return maximum;
}

/* Three passes: two, with every exponential taken twice, need 12 % more cycles. */
void itr_softmax_f32__xf16(const itr_softmax_f32_params *p, const float *in, float *out) {
  for (int32_t r = 0; r < p->rows; r++, in += p->depth, out += p->depth) {
    const float maximum = row_maximum(in, p->depth);
    float sum = 0.0f;
    for (int32_t i = 0; i < p->depth; i++) {
      out[i] = exponential((in[i] - maximum) * p->beta);
      sum += out[i];
    }
    const float factor = 1.0f / sum;
    for (int32_t i = 0; i < p->depth; i++) {
      out[i] *= factor;
    }
  }
}
