// SPDX-License-Identifier: Apache-2.0
// The cycle counter of RISC-V. Source: The RISC-V Instruction Set Manual, Volume II, 3.1.10
// and 3.1.12.
#include "chip.h"
#include "intarsia/hal.h"

#define WITH_ZICSR(text) ".option push\n\t.option arch, +zicsr\n\t" text "\n\t.option pop"

void itr_counter_start(void) {
#if ITR_MCOUNTINHIBIT
  __asm__ volatile(WITH_ZICSR("csrw 0x320, zero")); // mcountinhibit: all counters run
#endif
}

uint32_t itr_hal_counter(void) {
  uint32_t cycles;
  __asm__ volatile(WITH_ZICSR("csrr %0, 0xB00") : "=r"(cycles)); // mcycle
  return cycles;
}
