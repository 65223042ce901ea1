// SPDX-License-Identifier: Apache-2.0
/* Fully connected layers. */
#ifndef ITR_MVE_DENSE_H
#define ITR_MVE_DENSE_H

#include <stdint.h>

#include "itr_mve_limits.h"

/* `columns` is a multiple of 16. `weights` holds, per block of four units, the vectors bias,
 * multiplier, right shift, left shift; then, for each 16 columns, 16 weights of each unit. */
typedef struct {
  int32_t columns, units;
  itr_mve_limits to;
  const int8_t *weights;
} itr_mve_dense;

#endif
