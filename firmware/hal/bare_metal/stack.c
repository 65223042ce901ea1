// SPDX-License-Identifier: Apache-2.0
#include "stack.h"

#include "intarsia/hal.h"

uint32_t itr_hal_stack_bytes(void) {
  const uint32_t *word = itr_stack_bottom;
  // cppcheck-suppress comparePointers ; the linker script lays them side by side
  while (word < itr_stack_top && *word == ITR_STACK_PAINT) {
    word++;
  }
  return (uint32_t)((uintptr_t)itr_stack_top - (uintptr_t)word);
}
