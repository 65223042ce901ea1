// SPDX-License-Identifier: Apache-2.0
// Access to hardware registers.
#ifndef INTARSIA_HAL_REGISTER_H
#define INTARSIA_HAL_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#define ITR_REGISTER(address) (*(volatile uint32_t *)(address))

#ifndef ITR_WAIT_POLLS
#define ITR_WAIT_POLLS 200000u
#endif

// Waits until `mask` of a register reads `value`. Bounded, so that a missing crystal, or an
// emulator without that block, leaves the chip slower instead of dead; returns whether it came.
static inline bool itr_wait_for(const volatile uint32_t *address, uint32_t mask, uint32_t value) {
  for (uint32_t polls = 0; polls < ITR_WAIT_POLLS; polls++) {
    if ((*address & mask) == value) {
      return true;
    }
  }
  return false;
}

static inline bool itr_wait_set(const volatile uint32_t *address, uint32_t mask) {
  return itr_wait_for(address, mask, mask);
}

static inline void itr_change(volatile uint32_t *address, uint32_t clear, uint32_t set) {
  *address = (*address & ~clear) | set;
}

#endif
