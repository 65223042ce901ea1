// SPDX-License-Identifier: Apache-2.0
// Arm's PL011. Source: PrimeCell UART (PL011) Technical Reference Manual (DDI 0183), 3.3.
#include "chip.h"
#include "intarsia/hal.h"
#include "register.h"

#define UART_DATA ITR_REGISTER(ITR_UART_BASE + 0x00u)
#define UART_FLAGS ITR_REGISTER(ITR_UART_BASE + 0x18u)
#define UART_DIVIDER ITR_REGISTER(ITR_UART_BASE + 0x24u)
#define UART_FRACTION ITR_REGISTER(ITR_UART_BASE + 0x28u)
#define UART_LINE ITR_REGISTER(ITR_UART_BASE + 0x2Cu)
#define UART_CONTROL ITR_REGISTER(ITR_UART_BASE + 0x30u)

enum {
  FLAG_BUSY = 1 << 3,
  FLAG_RECEIVE_EMPTY = 1 << 4,
  FLAG_TRANSMIT_FULL = 1 << 5,
  LINE_FIFOS = 1 << 4,
  LINE_8_BITS = 3 << 5,
  CONTROL_ENABLE = 1 | 1 << 8 | 1 << 9,
};

// The divider of 16 times the baud rate, in 64ths.
#define DIVIDER_64THS ((ITR_UART_CLOCK * 4u + ITR_UART_BAUD / 2u) / ITR_UART_BAUD)

void itr_uart_start(void) {
  UART_DIVIDER = DIVIDER_64THS / 64u;
  UART_FRACTION = DIVIDER_64THS % 64u;
  UART_LINE = LINE_8_BITS | LINE_FIFOS; // this write takes the dividers over
  UART_CONTROL = CONTROL_ENABLE;
}

size_t itr_hal_read(void *dst, size_t max) {
  uint8_t *to = dst;
  size_t count = 0;
  while ((UART_FLAGS & FLAG_RECEIVE_EMPTY) != 0) {
  }
  while (count < max && (UART_FLAGS & FLAG_RECEIVE_EMPTY) == 0) {
    to[count++] = (uint8_t)UART_DATA;
  }
  return count;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((UART_FLAGS & FLAG_TRANSMIT_FULL) != 0) {
    }
    UART_DATA = *next++;
  }
  while ((UART_FLAGS & FLAG_BUSY) != 0) { // a reset may follow
  }
}
