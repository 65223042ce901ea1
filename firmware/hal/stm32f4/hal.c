// SPDX-License-Identifier: Apache-2.0
// STM32 F4 and F7: clock tree, flash wait states and caches, pins of the UART. Both families share
// these registers. Source: RM0390 (F446) 6.3 RCC, 5.4 PWR, 3.8 FLASH; RM0385 (F746) 5.3, 4.4, 3.7;
// RM0090 (F405) 7.3 RCC.
#include "intarsia/hal.h"

#include "chip.h"
#include "gpio.h"
#include "register.h"

#ifdef ITR_CACHES
#include "cache.h"
#endif

#define RCC_CR ITR_REGISTER(0x40023800u)
#define RCC_PLLCFGR ITR_REGISTER(0x40023804u)
#define RCC_CFGR ITR_REGISTER(0x40023808u)
#define RCC_AHB1ENR ITR_REGISTER(0x40023830u)
#define RCC_APB1ENR ITR_REGISTER(0x40023840u)
#define RCC_APB2ENR ITR_REGISTER(0x40023844u)
#define PWR_CR ITR_REGISTER(0x40007000u)
#define PWR_CSR ITR_REGISTER(0x40007004u)
#define FLASH_ACR ITR_REGISTER(0x40023C00u)

enum {
  CR_HSE_ON = 1 << 16,
  CR_HSE_READY = 1 << 17,
  CR_HSE_BYPASS = 1 << 18,
  CR_PLL_ON = 1 << 24,
  CR_PLL_READY = 1 << 25,
  PLLCFGR_FROM_HSE = 1 << 22,
  PLLCFGR_N = 6,                // position of the multiplier; the P divider 0 stands for 2
  PLLCFGR_Q_AND_R = 0x29000000, // Q = 9, R = 2: unused outputs in their range
  CFGR_SWITCH = 3,
  CFGR_SWITCH_PLL = 2,
  CFGR_SWITCHED = 3 << 2,
  CFGR_SWITCHED_PLL = 2 << 2,
  CFGR_APB1_BY_4 = 5 << 10,
  CFGR_APB2_BY_2 = 4 << 13,
  APB1ENR_PWR = 1 << 28,
  PWR_VOLTAGE_SCALE_1 = 3 << 14,
  PWR_OVERDRIVE = 1 << 16,
  PWR_OVERDRIVE_SWITCH = 1 << 17,
};

#if ITR_OVERDRIVE
static void overdrive(void) {
  PWR_CR |= PWR_OVERDRIVE;
  (void)itr_wait_set(&PWR_CSR, PWR_OVERDRIVE);
  PWR_CR |= PWR_OVERDRIVE_SWITCH;
  (void)itr_wait_set(&PWR_CSR, PWR_OVERDRIVE_SWITCH);
}
#endif

// The PLL's input is divided to 1 or 2 MHz, multiplied by ITR_PLL_N, divided by 2. Without the
// external clock the internal 16 MHz do the same, less accurately.
static void start_clock(void) {
  RCC_APB1ENR |= APB1ENR_PWR;
  itr_change(&PWR_CR, 0, PWR_VOLTAGE_SCALE_1);
  RCC_CR |= ITR_HSE_BYPASS ? CR_HSE_BYPASS | CR_HSE_ON : CR_HSE_ON;
  const uint32_t source =
      itr_wait_set(&RCC_CR, CR_HSE_READY) ? PLLCFGR_FROM_HSE | ITR_PLL_M_HSE : ITR_PLL_M_HSI;
  RCC_PLLCFGR = PLLCFGR_Q_AND_R | (uint32_t)ITR_PLL_N << PLLCFGR_N | source;
  RCC_CR |= CR_PLL_ON;
#if ITR_OVERDRIVE
  overdrive();
#endif
  FLASH_ACR = ITR_FLASH_ACR;
  (void)FLASH_ACR;
  (void)itr_wait_set(&RCC_CR, CR_PLL_READY);
  RCC_CFGR = CFGR_APB1_BY_4 | CFGR_APB2_BY_2;
  itr_change(&RCC_CFGR, CFGR_SWITCH, CFGR_SWITCH_PLL);
  (void)itr_wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL);
}

static void start_uart(void) {
  RCC_AHB1ENR |= ITR_GPIO_CLOCKS;
  RCC_APB1ENR |= ITR_APB1_CLOCKS;
  RCC_APB2ENR |= ITR_APB2_CLOCKS;
  (void)RCC_APB2ENR;
  itr_pin_alternate(ITR_TX_PORT, ITR_TX_PIN, ITR_UART_FUNCTION);
  itr_pin_alternate(ITR_RX_PORT, ITR_RX_PIN, ITR_UART_FUNCTION);
  itr_uart_start();
}

void itr_hal_init(void) {
  start_clock();
#ifdef ITR_CACHES
  itr_caches_on();
#endif
  itr_counter_start();
  start_uart();
}
