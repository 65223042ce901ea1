// SPDX-License-Identifier: Apache-2.0
/* Pooling of int8 feature maps of eight channels or more. */
#ifndef ITR_XPULP_POOL_H
#define ITR_XPULP_POOL_H

#include "intarsia/average_pool_2d.h"
#include "intarsia/max_pool_2d.h"

void itr_xpulp_max_pool(const itr_max_pool_2d_s8_params *p, const int8_t *in, int8_t *out);
void itr_xpulp_average_pool(const itr_average_pool_2d_s8_params *p, const int8_t *in, int8_t *out);

#endif
