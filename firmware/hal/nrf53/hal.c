// SPDX-License-Identifier: Apache-2.0
// Nordic nRF5340, application core in secure state at 128 MHz, UART by DMA (it has no other).
// Source: nRF5340 Product Specification 1.3, 4.10 (CLOCK), 7.4 (CACHE), 7.40 (UARTE).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"

#define CLOCK_START_CRYSTAL ITR_REGISTER(0x50005000u)
#define CLOCK_CRYSTAL_STARTED ITR_REGISTER(0x50005100u)
#define CLOCK_CORE_DIVIDER ITR_REGISTER(0x50005558u)
#define CACHE_ENABLE ITR_REGISTER(0x50001500u)

#define UARTE_START_RX ITR_REGISTER(0x50008000u)
#define UARTE_START_TX ITR_REGISTER(0x50008008u)
#define UARTE_RX_END ITR_REGISTER(0x50008110u)
#define UARTE_TX_END ITR_REGISTER(0x50008120u)
#define UARTE_RX_STARTED ITR_REGISTER(0x5000814Cu)
#define UARTE_SHORTCUTS ITR_REGISTER(0x50008200u)
#define UARTE_ENABLE ITR_REGISTER(0x50008500u)
#define UARTE_TX_PIN ITR_REGISTER(0x5000850Cu)
#define UARTE_RX_PIN ITR_REGISTER(0x50008514u)
#define UARTE_BAUDRATE ITR_REGISTER(0x50008524u)
#define UARTE_RX_POINTER ITR_REGISTER(0x50008534u)
#define UARTE_RX_BYTES ITR_REGISTER(0x50008538u)
#define UARTE_TX_POINTER ITR_REGISTER(0x50008544u)
#define UARTE_TX_BYTES ITR_REGISTER(0x50008548u)

enum { UARTE_ENABLED = 8, SHORTCUT_RX_END_TO_START = 1 << 5, TRANSMIT_BYTES = 64 };

// The register counts in 16 MHz / 2^32, and only its upper 20 bits.
#define BAUDRATE_VALUE                                                                             \
  ((uint32_t)(((uint64_t)ITR_UART_BAUD << 32) / 16000000u + 0x800u) & 0xFFFFF000u)

// Received bytes go to the two places in turn: the pointer is double-buffered, and the hardware
// starts on the next place by itself.
static volatile uint8_t received[2];
static uint8_t transmitted[TRANSMIT_BYTES];
static uint32_t place;

static uint32_t address_of(const volatile void *memory) {
  return (uint32_t)(uintptr_t)memory;
}

static void offer(uint32_t index) {
  UARTE_RX_POINTER = address_of(&received[index]);
}

void itr_uart_start(void) {
  UARTE_TX_PIN = ITR_TX_PIN;
  UARTE_RX_PIN = ITR_RX_PIN;
  UARTE_BAUDRATE = BAUDRATE_VALUE;
  UARTE_RX_BYTES = 1;
  UARTE_SHORTCUTS = SHORTCUT_RX_END_TO_START;
  UARTE_ENABLE = UARTE_ENABLED;
  offer(0);
  UARTE_RX_STARTED = 0;
  UARTE_START_RX = 1;
  (void)itr_wait_for(&UARTE_RX_STARTED, 1, 1);
  offer(1);
}

size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  while (UARTE_RX_END == 0) {
  }
  UARTE_RX_END = 0;
  (void)UARTE_RX_END; // the write has arrived
  *(uint8_t *)dst = received[place];
  offer(place);
  place ^= 1u;
  return 1;
}

// The DMA reads RAM only: what lies in flash is copied.
void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes != 0) {
    const size_t part = bytes < TRANSMIT_BYTES ? bytes : TRANSMIT_BYTES;
    for (size_t i = 0; i < part; i++) {
      transmitted[i] = next[i];
    }
    UARTE_TX_POINTER = address_of(transmitted);
    UARTE_TX_BYTES = (uint32_t)part;
    UARTE_TX_END = 0;
    __asm__ volatile("dmb" ::: "memory");
    UARTE_START_TX = 1;
    while (UARTE_TX_END == 0) {
    }
    next += part;
    bytes -= part;
  }
}

void itr_hal_init(void) {
  CLOCK_CRYSTAL_STARTED = 0;
  CLOCK_START_CRYSTAL = 1; // the UART needs its accuracy
  (void)itr_wait_for(&CLOCK_CRYSTAL_STARTED, 1, 1);
  CLOCK_CORE_DIVIDER = 0; // 128 MHz; out of reset it is 64
  CACHE_ENABLE = 1;
  itr_counter_start();
  itr_uart_start();
}
