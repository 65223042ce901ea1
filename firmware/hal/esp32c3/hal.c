// SPDX-License-Identifier: Apache-2.0
// ESP32-C3 at 160 MHz, started by the ROM's direct boot: watchdogs off, clock, UART0, the core's
// own event counter (it has no mcycle). Source: ESP32-C3 Technical Reference Manual 1.1, 1.4 (CPU
// registers), 6.2.4 (clocks), 16 (SYSREG), 26.5 (UART), 12.4 (watchdogs), 9 (RTC_CNTL).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"

#define WITH_ZICSR(text) ".option push\n\t.option arch, +zicsr\n\t" text "\n\t.option pop"

#define SYSTEM_CPU_PERIOD ITR_REGISTER(0x600C0008u)
#define SYSTEM_CLOCK ITR_REGISTER(0x600C0058u)
#define RTC_WATCHDOG ITR_REGISTER(0x60008090u)
#define RTC_WATCHDOG_KEY ITR_REGISTER(0x600080A8u)
#define RTC_SUPER_WATCHDOG ITR_REGISTER(0x600080ACu)
#define RTC_SUPER_WATCHDOG_KEY ITR_REGISTER(0x600080B0u)
#define TIMER0_WATCHDOG ITR_REGISTER(0x6001F048u)
#define TIMER0_WATCHDOG_KEY ITR_REGISTER(0x6001F064u)
#define TIMER1_WATCHDOG ITR_REGISTER(0x60020048u)
#define TIMER1_WATCHDOG_KEY ITR_REGISTER(0x60020064u)

#define UART_FIFO ITR_REGISTER(0x60000000u)
#define UART_DIVIDER ITR_REGISTER(0x60000014u)
#define UART_STATUS ITR_REGISTER(0x6000001Cu)
#define UART_STATE_MACHINES ITR_REGISTER(0x6000006Cu)
#define UART_CLOCK ITR_REGISTER(0x60000078u)
#define UART_UPDATE ITR_REGISTER(0x60000080u)

#define WATCHDOG_KEY 0x50D83AA1u
#define SUPER_WATCHDOG_KEY 0x8F1D312Au
#define SUPER_WATCHDOG_OFF (1u << 30)
#define UPDATE (1u << 31)

enum {
  CPU_PERIOD_160_MHZ = 1,
  CPU_PERIOD = 3,
  CPU_PLL_480_MHZ = 1 << 2,
  CLOCK_SOURCE = 3 << 10,
  CLOCK_SOURCE_PLL = 1 << 10,
  UART_CLOCK_SOURCE = 3 << 20,
  UART_CLOCK_CRYSTAL = 3 << 20,
  UART_CLOCK_ON = 1 << 22 | 3 << 24,       // the source, and those of both directions
  UART_CLOCK_DIVIDER = 0xFF << 12 | 0xFFF, // and its fraction
  STATUS_RECEIVED = 0x3FF,
  STATUS_TO_TRANSMIT = 0x3FF << 16,
  TRANSMIT_STATE = 0xF << 4,
  UART_FIFO_BYTES = 127,
};

static void stop_watchdogs(void) {
  RTC_WATCHDOG_KEY = WATCHDOG_KEY;
  RTC_WATCHDOG = 0;
  RTC_WATCHDOG_KEY = 0;
  RTC_SUPER_WATCHDOG_KEY = SUPER_WATCHDOG_KEY;
  RTC_SUPER_WATCHDOG |= SUPER_WATCHDOG_OFF;
  RTC_SUPER_WATCHDOG_KEY = 0;
  TIMER0_WATCHDOG_KEY = WATCHDOG_KEY;
  TIMER0_WATCHDOG = 0;
  TIMER0_WATCHDOG_KEY = 0;
  TIMER1_WATCHDOG_KEY = WATCHDOG_KEY;
  TIMER1_WATCHDOG = 0;
  TIMER1_WATCHDOG_KEY = 0;
}

// The ROM has started the 480 MHz PLL (its USB port needs it); the core runs from a third of it.
static void start_clock(void) {
  itr_change(&SYSTEM_CPU_PERIOD, CPU_PERIOD, CPU_PERIOD_160_MHZ | CPU_PLL_480_MHZ);
  itr_change(&SYSTEM_CLOCK, CLOCK_SOURCE, CLOCK_SOURCE_PLL);
}

// The ROM has connected UART0 to its pins; only the speed is set, from the 40 MHz crystal, in
// 16ths.
void itr_uart_start(void) {
  const uint32_t divider = (ITR_UART_CLOCK * 16u + ITR_UART_BAUD / 2u) / ITR_UART_BAUD;
  itr_change(&UART_CLOCK, UART_CLOCK_SOURCE | UART_CLOCK_DIVIDER,
             UART_CLOCK_CRYSTAL | UART_CLOCK_ON);
  UART_DIVIDER = divider / 16u | (divider % 16u) << 20;
  UART_UPDATE |= UPDATE;
  (void)itr_wait_for(&UART_UPDATE, UPDATE, 0);
}

size_t itr_hal_read(void *dst, size_t max) {
  uint8_t *to = dst;
  size_t count = 0;
  while ((UART_STATUS & STATUS_RECEIVED) == 0) {
  }
  while (count < max && (UART_STATUS & STATUS_RECEIVED) != 0) {
    to[count++] = (uint8_t)UART_FIFO;
  }
  return count;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((UART_STATUS & STATUS_TO_TRANSMIT) >= (uint32_t)UART_FIFO_BYTES << 16) {
    }
    UART_FIFO = *next++;
  }
  while ((UART_STATUS & STATUS_TO_TRANSMIT) != 0 || (UART_STATE_MACHINES & TRANSMIT_STATE) != 0) {
  }
}

void itr_counter_start(void) {
  __asm__ volatile(WITH_ZICSR("csrwi 0x7E0, 1\n\tcsrwi 0x7E1, 1")); // mpcer: cycles; mpcmr: count
}

uint32_t itr_hal_counter(void) {
  uint32_t cycles;
  __asm__ volatile(WITH_ZICSR("csrr %0, 0x7E2") : "=r"(cycles)); // mpccr
  return cycles;
}

void itr_hal_init(void) {
  stop_watchdogs();
  start_clock();
  itr_counter_start();
  itr_uart_start();
}
