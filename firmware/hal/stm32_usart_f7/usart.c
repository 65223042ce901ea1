// SPDX-License-Identifier: Apache-2.0
// USART of STM32 F7, H7 and N6. Source: RM0385 31.8 (USART registers), RM0433 48.7, RM0486 65.8.
#include "chip.h"
#include "intarsia/hal.h"
#include "register.h"

#define USART_CR1 ITR_REGISTER(ITR_UART_BASE + 0x00u)
#define USART_BRR ITR_REGISTER(ITR_UART_BASE + 0x0Cu)
#define USART_ISR ITR_REGISTER(ITR_UART_BASE + 0x1Cu)
#define USART_ICR ITR_REGISTER(ITR_UART_BASE + 0x20u)
#define USART_RDR ITR_REGISTER(ITR_UART_BASE + 0x24u)
#define USART_TDR ITR_REGISTER(ITR_UART_BASE + 0x28u)

enum {
  CR1_ENABLE = 1 << 0,
  CR1_RECEIVE = 1 << 2,
  CR1_TRANSMIT = 1 << 3,
  ISR_OVERRUN = 1 << 3,
  ISR_RECEIVED = 1 << 5,
  ISR_COMPLETE = 1 << 6,
  ISR_TRANSMIT_EMPTY = 1 << 7,
};

void itr_uart_start(void) {
  USART_BRR = (ITR_UART_CLOCK + ITR_UART_BAUD / 2u) / ITR_UART_BAUD;
  USART_CR1 = CR1_ENABLE | CR1_TRANSMIT | CR1_RECEIVE;
}

size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  uint32_t state;
  do {
    state = USART_ISR;
    if ((state & ISR_OVERRUN) != 0) {
      USART_ICR = ISR_OVERRUN; // the frame's checksum will tell what was lost
    }
  } while ((state & ISR_RECEIVED) == 0);
  *(uint8_t *)dst = (uint8_t)USART_RDR;
  return 1;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((USART_ISR & ISR_TRANSMIT_EMPTY) == 0) {
    }
    USART_TDR = *next++;
  }
  while ((USART_ISR & ISR_COMPLETE) == 0) { // a reset may follow
  }
}
