// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 1
#define ITR_PARAMS itr_fully_connected_f16_params
#define ITR_FUNCTION itr_fully_connected_f16__scalar

#include "intarsia/fully_connected_real.h"
