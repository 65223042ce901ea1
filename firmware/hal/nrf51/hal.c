// SPDX-License-Identifier: Apache-2.0
// Nordic nRF51: the 32-bit TIMER0 as counter. Source: nRF51 Series Reference Manual
// 3.0, TIMER (START, CAPTURE, BITMODE, PRESCALER, CC).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"
#include "semihosting.h"

#define TIMER_START ITR_REGISTER(0x40008000u)
#define TIMER_CAPTURE ITR_REGISTER(0x40008040u)
#define TIMER_BITMODE ITR_REGISTER(0x40008508u)
#define TIMER_PRESCALER ITR_REGISTER(0x40008510u)
#define TIMER_CAPTURED ITR_REGISTER(0x40008540u)

enum { TIMER_32_BITS = 3 };

uint32_t itr_hal_counter(void) {
  TIMER_CAPTURE = 1;
  return TIMER_CAPTURED;
}

_Noreturn void itr_hal_exit(int code) {
  itr_semihosting_exit(code);
}

void itr_counter_start(void) {
  TIMER_BITMODE = TIMER_32_BITS;
  TIMER_PRESCALER = 0;
  TIMER_START = 1;
}

void itr_hal_init(void) {
  itr_counter_start();
#if ITR_LINK_UART
  itr_uart_start();
#else
  itr_semihosting_open();
#endif
}
