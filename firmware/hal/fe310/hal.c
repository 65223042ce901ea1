// SPDX-License-Identifier: Apache-2.0
// SiFive FE310-G002 at 320 MHz: clock, UART0. Source: FE310-G002 Manual v1p5, 6 (PRCI), 17 (GPIO),
// 18 (UART), 19.13 (flash interface: out of reset it runs at an eighth of the core's clock, 40
// MHz).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"

#define CRYSTAL ITR_REGISTER(0x10008004u)
#define PLL ITR_REGISTER(0x10008008u)
#define PLL_OUTPUT ITR_REGISTER(0x1000800Cu)
#define GPIO_FUNCTION_ON ITR_REGISTER(0x10012038u)
#define GPIO_FUNCTION ITR_REGISTER(0x1001203Cu)
#define UART_TRANSMIT ITR_REGISTER(0x10013000u)
#define UART_RECEIVE ITR_REGISTER(0x10013004u)
#define UART_TRANSMIT_CONTROL ITR_REGISTER(0x10013008u)
#define UART_RECEIVE_CONTROL ITR_REGISTER(0x1001300Cu)
#define UART_PENDING ITR_REGISTER(0x10013014u)
#define UART_DIVIDER ITR_REGISTER(0x10013018u)

#define FULL_OR_EMPTY 0x80000000u
#define READY 0x80000000u

enum {
  CRYSTAL_ON = 1 << 30,
  PLL_R_2 = 1,        // 16 MHz / 2
  PLL_F_80 = 39 << 4, // * 80 = 640 MHz
  PLL_Q_2 = 1 << 10,  // / 2
  PLL_SELECT = 1 << 16,
  PLL_FROM_CRYSTAL = 1 << 17,
  PLL_BYPASS = 1 << 18,
  PLL_OUTPUT_BY_1 = 1 << 8,
  PINS_UART0 = 3 << 16,
  CONTROL_ENABLE = 1,
  CONTROL_ONE_STOP_WATERMARK_1 = 1 << 16,
  PENDING_TRANSMIT = 1,
  LOCK_SETTLES = 20000, // 100 us, 7.4.3: the lock flag means nothing before
};

static void start_clock(void) {
  CRYSTAL |= CRYSTAL_ON;
  (void)itr_wait_set(&CRYSTAL, READY);
  PLL_OUTPUT = PLL_OUTPUT_BY_1;
  const uint32_t setting = PLL_R_2 | PLL_F_80 | PLL_Q_2 | PLL_FROM_CRYSTAL;
  PLL = setting | PLL_BYPASS;
  PLL = setting;
  for (volatile uint32_t i = 0; i < LOCK_SETTLES; i = i + 1) {
  }
  (void)itr_wait_set(&PLL, READY);
  PLL = setting | PLL_SELECT;
}

void itr_uart_start(void) {
  GPIO_FUNCTION &= ~(uint32_t)PINS_UART0;
  GPIO_FUNCTION_ON |= PINS_UART0;
  UART_DIVIDER = ITR_UART_CLOCK / ITR_UART_BAUD - 1u;
  UART_TRANSMIT_CONTROL = CONTROL_ENABLE | CONTROL_ONE_STOP_WATERMARK_1;
  UART_RECEIVE_CONTROL = CONTROL_ENABLE;
}

size_t itr_hal_read(void *dst, size_t max) {
  (void)max;
  uint32_t received;
  do {
    received = UART_RECEIVE;
  } while ((received & FULL_OR_EMPTY) != 0);
  *(uint8_t *)dst = (uint8_t)received;
  return 1;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes-- != 0) {
    while ((UART_TRANSMIT & FULL_OR_EMPTY) != 0) {
    }
    UART_TRANSMIT = *next++;
  }
  while ((UART_PENDING & PENDING_TRANSMIT) == 0) { // the FIFO is empty
  }
}

void itr_hal_init(void) {
  start_clock();
  itr_counter_start();
  itr_uart_start();
}
