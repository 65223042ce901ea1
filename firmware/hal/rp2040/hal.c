// SPDX-License-Identifier: Apache-2.0
// RP2040 at 133 MHz: pins of UART0 and a cycle counter. Source: RP2040 Datasheet 2.19.6
// (IO_BANK0), 4.6.5 (TIMER), 4.7.6 (WATCHDOG, whose tick drives the timer), 2.4.8 (SysTick).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"
#include "rp2.h"

#define GPIO0_CONTROL ITR_REGISTER(0x40014004u)
#define GPIO1_CONTROL ITR_REGISTER(0x4001400Cu)
#define WATCHDOG_TICK ITR_REGISTER(0x4005802Cu)
#define TIMER_MICROSECONDS ITR_REGISTER(0x40054028u)
#define SYSTICK_CONTROL ITR_REGISTER(0xE000E010u)
#define SYSTICK_RELOAD ITR_REGISTER(0xE000E014u)
#define SYSTICK_VALUE ITR_REGISTER(0xE000E018u)

enum {
  RESET_IO_BANK0 = 1 << 5,
  RESET_PADS_BANK0 = 1 << 8,
  RESET_TIMER = 1 << 21,
  RESET_UART0 = 1 << 22,
  PIN_FOR_UART = 2,
  TICK_ON_1_US = 1 << 9 | 12, // cycles of the crystal
  SYSTICK_ON_PROCESSOR_CLOCK = 5,
  SYSTICK_TOP = 0xFFFFFF,
  CYCLES_PER_MICROSECOND = 133,
};

void itr_counter_start(void) {
  WATCHDOG_TICK = TICK_ON_1_US;
  SYSTICK_RELOAD = SYSTICK_TOP;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = SYSTICK_ON_PROCESSOR_CLOCK;
}

// A Cortex-M0+ has no cycle counter but SysTick, which wraps after 2^24 cycles (126 ms). The
// microsecond timer runs from the same crystal: it tells how often SysTick has wrapped, and SysTick
// the cycles.
uint32_t itr_hal_counter(void) {
  const uint32_t cycles = SYSTICK_TOP - SYSTICK_VALUE;
  const uint32_t estimate = TIMER_MICROSECONDS * CYCLES_PER_MICROSECOND;
  const uint32_t difference = (cycles - estimate) & SYSTICK_TOP;
  const uint32_t sign = 0x800000u;
  return estimate + ((difference ^ sign) - sign);
}

void itr_hal_init(void) {
  itr_rp2_start_clock();
  itr_rp2_release(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_TIMER | RESET_UART0);
  itr_counter_start();
  GPIO0_CONTROL = PIN_FOR_UART;
  GPIO1_CONTROL = PIN_FOR_UART;
  itr_uart_start();
}
