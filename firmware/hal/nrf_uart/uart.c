// SPDX-License-Identifier: Apache-2.0
// Nordic's UART without DMA, in nRF51 and nRF52. Source: nRF51 Series Reference Manual 3.0, 29;
// nRF52840 Product Specification 1.7, 6.33.
#include "chip.h"
#include "intarsia/hal.h"
#include "register.h"

#define UART_START_RX ITR_REGISTER(0x40002000u)
#define UART_START_TX ITR_REGISTER(0x40002008u)
#define UART_RX_READY ITR_REGISTER(0x40002108u)
#define UART_TX_READY ITR_REGISTER(0x4000211Cu)
#define UART_ENABLE ITR_REGISTER(0x40002500u)
#define UART_TX_PIN ITR_REGISTER(0x4000250Cu)
#define UART_RX_PIN ITR_REGISTER(0x40002514u)
#define UART_RX_DATA ITR_REGISTER(0x40002518u)
#define UART_TX_DATA ITR_REGISTER(0x4000251Cu)
#define UART_BAUDRATE ITR_REGISTER(0x40002524u)

enum { UART_ENABLED = 4 };

// The register counts in 16 MHz / 2^32, and only its upper 20 bits.
#define BAUDRATE_VALUE                                                                             \
  ((uint32_t)(((uint64_t)ITR_UART_BAUD << 32) / 16000000u + 0x800u) & 0xFFFFF000u)

void itr_uart_start(void) {
  UART_TX_PIN = ITR_TX_PIN;
  UART_RX_PIN = ITR_RX_PIN;
  UART_BAUDRATE = BAUDRATE_VALUE;
  UART_ENABLE = UART_ENABLED;
  UART_START_TX = 1;
  UART_START_RX = 1;
}

#if ITR_LINK_UART

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

#endif
