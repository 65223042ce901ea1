// SPDX-License-Identifier: Apache-2.0
// Nordic nRF52840 at 64 MHz. Source: nRF52840 Product Specification 1.7, 5.4.3 (CLOCK), 4.3.6
// (NVMC).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"

#define CLOCK_START_CRYSTAL ITR_REGISTER(0x40000000u)
#define CLOCK_CRYSTAL_STARTED ITR_REGISTER(0x40000100u)
#define NVMC_INSTRUCTION_CACHE ITR_REGISTER(0x4001E540u)

void itr_hal_init(void) {
  CLOCK_CRYSTAL_STARTED = 0;
  CLOCK_START_CRYSTAL = 1; // the UART needs its accuracy
  (void)itr_wait_for(&CLOCK_CRYSTAL_STARTED, 1, 1);
  NVMC_INSTRUCTION_CACHE = 1;
  itr_counter_start();
  itr_uart_start();
}
