// SPDX-License-Identifier: Apache-2.0
// RP2350 at 150 MHz, Arm or RISC-V: flash speed, pins of UART0. Source: RP2350 Datasheet 9.11
// (IO_BANK0, PADS_BANK0), 12.14.6 (QMI), 7.5.3 (RESETS).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"
#include "rp2.h"

#define GPIO0_CONTROL ITR_REGISTER(0x40028004u)
#define GPIO1_CONTROL ITR_REGISTER(0x4002800Cu)
#define PAD0 ITR_REGISTER(0x40038004u)
#define PAD1 ITR_REGISTER(0x40038008u)
#define QMI_FLASH_TIMING ITR_REGISTER(0x400D000Cu)

enum {
  RESET_IO_BANK0 = 1 << 6,
  RESET_PADS_BANK0 = 1 << 9,
  RESET_UART0 = 1 << 26,
  PIN_FOR_UART = 2,
  PAD_OUTPUT_OFF = 1 << 7,
  PAD_ISOLATED = 1 << 8,
  PAD_INPUT_ON = 1 << 6,
  TIMING_DIVIDER_AND_DELAY = 0x7FF,
  TIMING_BY_2_DELAY_2 = 2 | 2 << 8, // 75 MHz to the flash
};

void itr_hal_init(void) {
  itr_rp2_start_clock();
  itr_change(&QMI_FLASH_TIMING, TIMING_DIVIDER_AND_DELAY, TIMING_BY_2_DELAY_2);
  itr_rp2_release(RESET_IO_BANK0 | RESET_PADS_BANK0 | RESET_UART0);
  GPIO0_CONTROL = PIN_FOR_UART;
  GPIO1_CONTROL = PIN_FOR_UART;
  itr_change(&PAD0, PAD_OUTPUT_OFF | PAD_ISOLATED, PAD_INPUT_ON);
  itr_change(&PAD1, PAD_OUTPUT_OFF | PAD_ISOLATED, PAD_INPUT_ON);
  itr_counter_start();
  itr_uart_start();
}
