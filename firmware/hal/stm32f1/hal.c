// SPDX-License-Identifier: Apache-2.0
// STM32 F100 and GD32VF103, whose registers are alike: clock tree, wait states, pins of the first
// USART. Source: RM0041 6.3 (RCC), 7.2 (GPIO); GD32VF103 User Manual 5.3 (RCU), 7.5 (GPIO), 2.4
// (FMC).
#include "intarsia/hal.h"

#include "chip.h"
#include "register.h"

#define RCC_CR ITR_REGISTER(0x40021000u)
#define RCC_CFGR ITR_REGISTER(0x40021004u)
#define RCC_APB2ENR ITR_REGISTER(0x40021018u)
#define RCC_CFGR2 ITR_REGISTER(0x4002102Cu)
#define FLASH_WAIT ITR_REGISTER(0x40022000u)
#define GPIOA_CRH ITR_REGISTER(0x40010804u)

enum {
  CR_HSE_ON = 1 << 16,
  CR_HSE_READY = 1 << 17,
  CR_PLL_ON = 1 << 24,
  CR_PLL_READY = 1 << 25,
  CFGR_SWITCH = 3,
  CFGR_SWITCH_PLL = 2,
  CFGR_SWITCHED = 3 << 2,
  CFGR_SWITCHED_PLL = 2 << 2,
  CFGR_PLL_FROM_HSE = 1 << 16,
  CFGR2_HSE_BY_2 = 1,
  APB2ENR_AFIO_GPIOA_USART1 = 1 | 1 << 2 | 1 << 14,
  CRH_PINS_9_10 = 0xFF0,
  CRH_TX_PUSH_PULL_RX_FLOATING = 0x4B0, // 50 MHz
};

// 4 MHz enter the PLL: half of the 8 MHz crystal or, without it, half of the internal 8 MHz.
static void start_clock(void) {
  FLASH_WAIT = ITR_FLASH_WAIT;
  RCC_CR |= CR_HSE_ON;
  uint32_t configuration = ITR_PLL_MULTIPLIER | ITR_APB_DIVIDERS;
  if (itr_wait_set(&RCC_CR, CR_HSE_READY)) {
    RCC_CFGR2 = CFGR2_HSE_BY_2;
    configuration |= CFGR_PLL_FROM_HSE;
  }
  RCC_CFGR = configuration;
  RCC_CR |= CR_PLL_ON;
  (void)itr_wait_set(&RCC_CR, CR_PLL_READY);
  itr_change(&RCC_CFGR, CFGR_SWITCH, CFGR_SWITCH_PLL);
  (void)itr_wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL);
}

void itr_hal_init(void) {
  start_clock();
  itr_counter_start();
  RCC_APB2ENR |= APB2ENR_AFIO_GPIOA_USART1;
  (void)RCC_APB2ENR;
  itr_change(&GPIOA_CRH, CRH_PINS_9_10, CRH_TX_PUSH_PULL_RX_FLOATING);
  itr_uart_start();
}
