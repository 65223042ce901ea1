// SPDX-License-Identifier: Apache-2.0
/* From sums to codes. A source that includes this defines ITR_FORM. */
#ifndef ITR_BLOCKED_SCALE_H
#define ITR_BLOCKED_SCALE_H

#include <stdint.h>

#include "intarsia/fixedpoint.h"

#define ITR_FORM_EXACT                                                                             \
  0                     /* the rounding rule: offset is the shift to the right, delta to the left */
#define ITR_FORM_LINE 1 /* proved equal to it for all sums that can occur */
#define ITR_FORM_TWO_LINES 2 /* the same with another offset for negative sums */

typedef struct {
  int32_t bias, multiplier, offset, delta;
} itr_blocked_channel;

typedef struct {
  int32_t scale_bits, exponent;
  int32_t zero, minimum, maximum;
} itr_blocked_limits;

#ifdef ITR_FORM
static inline int8_t itr_blocked_code(int32_t sum, const itr_blocked_channel *q,
                                      const itr_blocked_limits *to) {
#if ITR_FORM == ITR_FORM_EXACT
  const int32_t x = (int32_t)((uint32_t)(sum + q->bias) << q->delta);
  const int64_t high = ((int64_t)x * q->multiplier + (INT64_C(1) << 30)) >> 31;
  const int32_t code = itr_rounding_shift_right((int32_t)high, q->offset) + to->zero;
#else
  const int32_t raw = (int32_t)(((uint32_t)sum << to->scale_bits) + (uint32_t)q->bias);
  int32_t value = (int32_t)(((int64_t)raw * q->multiplier) >> 32) + q->offset;
#if ITR_FORM == ITR_FORM_TWO_LINES
  value -= raw < 0 ? q->delta : 0;
#endif
  const int32_t code = value >> to->exponent;
#endif
  return (int8_t)itr_clamp(code, to->minimum, to->maximum);
}
#endif

#endif
