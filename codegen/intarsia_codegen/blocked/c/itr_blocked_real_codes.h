// SPDX-License-Identifier: Apache-2.0
#ifndef ITR_BLOCKED_REAL_CODES_H
#define ITR_BLOCKED_REAL_CODES_H

#include <stdint.h>

/* Codes of `size` values: -128, and one more for each of the 255 thresholds that a value's ordered
 * bits reach. Thresholds do not fall. */
void itr_blocked_real_codes(const float *in, int8_t *out, const int32_t *thresholds, int32_t size);

#endif
