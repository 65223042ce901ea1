// SPDX-License-Identifier: Apache-2.0
// The cycle counter of Armv7-M and Armv8-M. Source: Armv7-M Architecture Reference Manual (DDI
// 0403), C1.6.5 (DEMCR), C1.8.7 (DWT_CTRL), C1.8.8 (DWT_CYCCNT); Cortex-M7 TRM (DDI 0489), 9.3
// (lock access).
#include "chip.h"
#include "intarsia/hal.h"
#include "register.h"

#define DEMCR ITR_REGISTER(0xE000EDFCu)
#define DWT_CTRL ITR_REGISTER(0xE0001000u)
#define DWT_CYCCNT ITR_REGISTER(0xE0001004u)
#define DWT_LAR ITR_REGISTER(0xE0001FB0u)

enum { DEMCR_TRCENA = 1 << 24, DWT_CTRL_CYCCNTENA = 1 };
#define DWT_UNLOCK 0xC5ACCE55u

void itr_counter_start(void) {
  DEMCR |= DEMCR_TRCENA;
  DWT_LAR = DWT_UNLOCK;
  DWT_CYCCNT = 0;
  DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

uint32_t itr_hal_counter(void) {
  return DWT_CYCCNT;
}
