// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 0
#define ITR_PARAMS itr_fully_connected_f32_params
#define ITR_FUNCTION itr_fully_connected_f32__scalar

#include "intarsia/fully_connected_real.h"
