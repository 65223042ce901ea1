// SPDX-License-Identifier: Apache-2.0
// QEMU's "virt" machine: NS16550 UART, retired-instruction counter.
#include "intarsia/hal.h"

#include "riscv.h"
#include "semihosting.h"

#define REGISTER(address) (*(volatile uint8_t *)(address))

#define UART_DATA REGISTER(ITR_UART_BASE + 0u)
#define UART_FIFO_CONTROL REGISTER(ITR_UART_BASE + 2u)
#define UART_LINE_STATUS REGISTER(ITR_UART_BASE + 5u)

enum {
  UART_FIFO_ENABLE_AND_RESET = 7,
  UART_DATA_READY = 0x01,
  UART_TRANSMITTER_EMPTY = 0x20,
};

uint32_t itr_hal_counter(void) {
  return itr_riscv_instret();
}

_Noreturn void itr_hal_exit(int code) {
  itr_semihosting_exit(code);
}

#if ITR_LINK_UART

void itr_hal_init(void) {
  UART_FIFO_CONTROL = UART_FIFO_ENABLE_AND_RESET;
}

size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  while ((UART_LINE_STATUS & UART_DATA_READY) == 0) {
  }
  *(uint8_t *)dst = UART_DATA;
  return 1;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((UART_LINE_STATUS & UART_TRANSMITTER_EMPTY) == 0) {
    }
    UART_DATA = *next++;
  }
}

#else

void itr_hal_init(void) {
  itr_semihosting_open();
}

#endif
