// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 1
#define ITR_PARAMS itr_average_pool_2d_f16_params
#define ITR_FUNCTION itr_average_pool_2d_f16__xf16

#include "intarsia/average_pool_2d_xf16.h"
