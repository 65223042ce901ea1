// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 1
#define ITR_PARAMS itr_add_f16_params
#define ITR_FUNCTION itr_add_f16__scalar

#include "intarsia/add_real.h"
