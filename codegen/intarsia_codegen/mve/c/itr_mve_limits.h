// SPDX-License-Identifier: Apache-2.0
/* What every layer's output has. */
#ifndef ITR_MVE_LIMITS_H
#define ITR_MVE_LIMITS_H

#include <stdint.h>

/* Zero point and limits of the codes. */
typedef struct {
  int32_t zero, minimum, maximum;
} itr_mve_limits;

#endif
