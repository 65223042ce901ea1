// SPDX-License-Identifier: Apache-2.0
#include "profile_ticks.h"

#include "intarsia/hal.h"

#if ITR_PROFILE

_Static_assert(ITR_LAYER_COUNT >= 1, "a profiled model has at least one layer");

static uint32_t marks[ITR_LAYER_COUNT + 1];

__attribute__((noinline)) void itr_profile_mark(uint32_t index) {
  marks[index] = itr_hal_counter();
}

uint32_t itr_profile_ticks(uint32_t layer) {
  return marks[layer + 1] - marks[layer];
}

#endif
