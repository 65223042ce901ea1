// SPDX-License-Identifier: Apache-2.0
#include "profile_ticks.h"

#include "intarsia/hal.h"

#if ITR_PROFILE

_Static_assert(ITR_LAYER_COUNT >= 1, "a profiled model has at least one layer");

static uint32_t ticks[ITR_LAYER_COUNT + 1]; // ticks[0]: before the first layer
static uint32_t last;
static uint32_t empty_mark;

// A layer that runs once per patch is marked as often; all but one of its marks are taken off here,
// so that every layer holds the cost of one.
__attribute__((noinline)) void itr_profile_mark(uint32_t index) {
  const uint32_t now = itr_hal_counter();
  ticks[index] += now - last - empty_mark;
  last = now;
}

void itr_profile_start(uint32_t empty_mark_ticks) {
  empty_mark = empty_mark_ticks;
  for (uint32_t index = 0; index <= ITR_LAYER_COUNT; index++) {
    ticks[index] = empty_mark_ticks;
  }
}

uint32_t itr_profile_ticks(uint32_t layer) {
  return ticks[layer + 1];
}

#endif
