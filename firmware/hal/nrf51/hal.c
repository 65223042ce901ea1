// SPDX-License-Identifier: Apache-2.0
// Nordic nRF51: UART and the 32-bit TIMER0. Source: nRF51 Series Reference Manual, 3.0.
#include "intarsia/hal.h"

#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define TIMER_START REGISTER(0x40008000u)
#define TIMER_CAPTURE REGISTER(0x40008040u)
#define TIMER_BITMODE REGISTER(0x40008508u)
#define TIMER_PRESCALER REGISTER(0x40008510u)
#define TIMER_CAPTURED REGISTER(0x40008540u)

#define UART_START_RX REGISTER(0x40002000u)
#define UART_START_TX REGISTER(0x40002008u)
#define UART_RX_READY REGISTER(0x40002108u)
#define UART_TX_READY REGISTER(0x4000211Cu)
#define UART_ENABLE REGISTER(0x40002500u)
#define UART_RX_DATA REGISTER(0x40002518u)
#define UART_TX_DATA REGISTER(0x4000251Cu)

enum { TIMER_32_BITS = 3, UART_ENABLED = 4 };

uint32_t itr_hal_counter(void) {
  TIMER_CAPTURE = 1;
  return TIMER_CAPTURED;
}

_Noreturn void itr_hal_exit(int code) {
  itr_semihosting_exit(code);
}

static void start_counter(void) {
  TIMER_BITMODE = TIMER_32_BITS;
  TIMER_PRESCALER = 0;
  TIMER_START = 1;
}

#if ITR_LINK_UART

void itr_hal_init(void) {
  start_counter();
  UART_ENABLE = UART_ENABLED;
  UART_START_TX = 1;
  UART_START_RX = 1;
}

size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  while (UART_RX_READY == 0) {
  }
  UART_RX_READY = 0;
  *(uint8_t *)dst = (uint8_t)UART_RX_DATA;
  return 1;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    UART_TX_READY = 0;
    UART_TX_DATA = *next++;
    while (UART_TX_READY == 0) {
    }
  }
}

#else

void itr_hal_init(void) {
  start_counter();
  itr_semihosting_open();
}

#endif
