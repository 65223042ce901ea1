// SPDX-License-Identifier: Apache-2.0
/* Requantization of vectors of accumulators, one channel in each lane. */
#ifndef ITR_RVV_REQUANTIZE_H
#define ITR_RVV_REQUANTIZE_H

#include <stdint.h>

#define ITR_TIES_UP 0           /* towards +infinity: negative values are clamped away */
#define ITR_TIES_AWAY 1         /* away from zero; every right shift is at least 1 */
#define ITR_TIES_AWAY_SHIFTED 2 /* away from zero; some right shifts are 0 and do not round */

/* Constants by channel. `left` and `shifted` (-1 where a channel is shifted right, else 0) are
 * there where the layer's form asks for them. */
typedef struct {
  const int32_t *bias, *multiplier;
  const uint16_t *right;
  const uint32_t *left;
  const int32_t *shifted, *offset;
  const uint16_t *places;
} itr_rvv_channels;

typedef struct {
  int32_t zero, minimum, maximum;
} itr_rvv_limits;

#endif
