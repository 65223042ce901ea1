// SPDX-License-Identifier: Apache-2.0
// Arm's MPS2 and MPS3 boards: CMSDK UART, and the free-running counter of the FPGA I/O block.
// Source: Application Notes AN385, AN386, AN500, AN505, AN547 (register maps).
#include "intarsia/hal.h"

#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define COUNTER REGISTER(ITR_FPGAIO_BASE + 0x18u)
#define COUNTER_PRESCALE REGISTER(ITR_FPGAIO_BASE + 0x1Cu)

#define UART_DATA REGISTER(ITR_UART_BASE + 0x00u)
#define UART_STATE REGISTER(ITR_UART_BASE + 0x04u)
#define UART_CTRL REGISTER(ITR_UART_BASE + 0x08u)
#define UART_BAUDDIV REGISTER(ITR_UART_BASE + 0x10u)

enum {
  UART_STATE_TX_FULL = 1,
  UART_STATE_RX_FULL = 2,
  UART_CTRL_TX_ENABLE = 1,
  UART_CTRL_RX_ENABLE = 2,
  UART_FASTEST_DIVIDER = 16,
};

uint32_t itr_hal_counter(void) {
  return COUNTER;
}

_Noreturn void itr_hal_exit(int code) {
  itr_semihosting_exit(code);
}

#if ITR_LINK_UART

void itr_hal_init(void) {
  COUNTER_PRESCALE = 0;
  UART_BAUDDIV = UART_FASTEST_DIVIDER;
  UART_CTRL = UART_CTRL_TX_ENABLE | UART_CTRL_RX_ENABLE;
}

size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  while ((UART_STATE & UART_STATE_RX_FULL) == 0) {
  }
  *(uint8_t *)dst = (uint8_t)UART_DATA;
  return 1;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((UART_STATE & UART_STATE_TX_FULL) != 0) {
    }
    UART_DATA = *next++;
  }
}

#else

void itr_hal_init(void) {
  COUNTER_PRESCALE = 0;
  itr_semihosting_open();
}

#endif
