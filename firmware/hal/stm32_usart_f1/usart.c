// SPDX-License-Identifier: Apache-2.0
// USART of STM32 F1, F2, F4 and of GD32VF103. Source: RM0390 25.6 (USART registers), RM0041 23.6;
// GD32VF103 User Manual 16.4.
#include "chip.h"
#include "intarsia/hal.h"
#include "register.h"

#define USART_SR ITR_REGISTER(ITR_UART_BASE + 0x00u)
#define USART_DR ITR_REGISTER(ITR_UART_BASE + 0x04u)
#define USART_BRR ITR_REGISTER(ITR_UART_BASE + 0x08u)
#define USART_CR1 ITR_REGISTER(ITR_UART_BASE + 0x0Cu)

enum {
  SR_RECEIVED = 1 << 5,
  SR_COMPLETE = 1 << 6,
  SR_TRANSMIT_EMPTY = 1 << 7,
  CR1_RECEIVE = 1 << 2,
  CR1_TRANSMIT = 1 << 3,
  CR1_ENABLE = 1 << 13,
};

void itr_uart_start(void) {
  USART_BRR = (ITR_UART_CLOCK + ITR_UART_BAUD / 2u) / ITR_UART_BAUD;
  USART_CR1 = CR1_ENABLE | CR1_TRANSMIT | CR1_RECEIVE;
}

// Reading the data register after the status register also clears an overrun.
size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  while ((USART_SR & SR_RECEIVED) == 0) {
  }
  *(uint8_t *)dst = (uint8_t)USART_DR;
  return 1;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((USART_SR & SR_TRANSMIT_EMPTY) == 0) {
    }
    USART_DR = *next++;
  }
  while ((USART_SR & SR_COMPLETE) == 0) { // a reset may follow
  }
}
