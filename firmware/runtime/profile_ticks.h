// SPDX-License-Identifier: Apache-2.0
#ifndef INTARSIA_RUNTIME_PROFILE_TICKS_H
#define INTARSIA_RUNTIME_PROFILE_TICKS_H

#include "intarsia/profile.h"

#if ITR_PROFILE
// Call before an inference. `empty_mark_ticks` is what two successive marks cost.
void itr_profile_start(uint32_t empty_mark_ticks);

// Ticks of a layer since the start, summed over its patches, the cost of one mark included.
uint32_t itr_profile_ticks(uint32_t layer);
#endif

#endif
