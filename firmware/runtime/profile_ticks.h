// SPDX-License-Identifier: Apache-2.0
#ifndef INTARSIA_RUNTIME_PROFILE_TICKS_H
#define INTARSIA_RUNTIME_PROFILE_TICKS_H

#include "intarsia/profile.h"

#if ITR_PROFILE
// Ticks between the marks around a layer, the cost of a mark included.
uint32_t itr_profile_ticks(uint32_t layer);
#endif

#endif
