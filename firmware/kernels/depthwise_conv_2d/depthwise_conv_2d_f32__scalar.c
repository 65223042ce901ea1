// SPDX-License-Identifier: Apache-2.0
#define ITR_HALF 0
#define ITR_PARAMS itr_depthwise_conv_2d_f32_params
#define ITR_FUNCTION itr_depthwise_conv_2d_f32__scalar

#include "intarsia/depthwise_conv_2d_real.h"
