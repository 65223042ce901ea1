// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 0
#define ITR_PARAMS itr_add_f32_params
#define ITR_FUNCTION itr_add_f32__scalar

#include "intarsia/add_real.h"
