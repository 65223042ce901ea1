// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 0
#define ITR_PARAMS itr_average_pool_2d_f32_params
#define ITR_FUNCTION itr_average_pool_2d_f32__xf16

#include "intarsia/average_pool_2d_xf16.h"
