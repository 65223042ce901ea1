// SPDX-License-Identifier: Apache-2.0
// STM32 H743 (revision V) at 480 MHz: supply, clock tree, flash wait states, caches, pins of the
// UART. Source: RM0433 6.8 (PWR), 8.7 (RCC), 4.9 (FLASH), 12.3 (SYSCFG).
#include "intarsia/hal.h"

#include "cache.h"
#include "chip.h"
#include "gpio.h"
#include "register.h"

#define RCC_CR ITR_REGISTER(0x58024400u)
#define RCC_CFGR ITR_REGISTER(0x58024410u)
#define RCC_D1CFGR ITR_REGISTER(0x58024418u)
#define RCC_D2CFGR ITR_REGISTER(0x5802441Cu)
#define RCC_D3CFGR ITR_REGISTER(0x58024420u)
#define RCC_PLLCKSELR ITR_REGISTER(0x58024428u)
#define RCC_PLLCFGR ITR_REGISTER(0x5802442Cu)
#define RCC_PLL1DIVR ITR_REGISTER(0x58024430u)
#define RCC_AHB4ENR ITR_REGISTER(0x580244E0u)
#define RCC_APB1LENR ITR_REGISTER(0x580244E8u)
#define RCC_APB4ENR ITR_REGISTER(0x580244F4u)
#define PWR_CR3 ITR_REGISTER(0x5802480Cu)
#define PWR_D3CR ITR_REGISTER(0x58024818u)
#define SYSCFG_PWRCR ITR_REGISTER(0x5800042Cu)
#define FLASH_ACR ITR_REGISTER(0x52002000u)

enum {
  CR_HSE_ON = 1 << 16,
  CR_HSE_READY = 1 << 17,
  CR_HSE_BYPASS = 1 << 18,
  CR_PLL1_ON = 1 << 24,
  CR_PLL1_READY = 1 << 25,
  CKSELR_FROM_HSE = 2,
  CKSELR_FROM_HSI = 0,
  CKSELR_M = 4,                // position
  PLLCFGR_4_TO_8_MHZ = 2 << 2, // wide VCO: bit 1 is 0
  PLLCFGR_P_ON = 1 << 16,
  CFGR_SWITCH = 7,
  CFGR_SWITCH_PLL1 = 3,
  CFGR_SWITCHED = 7 << 3,
  CFGR_SWITCHED_PLL1 = 3 << 3,
  D1CFGR_AHB_BY_2 = 8,
  APB_BY_2 = 4,
  APB4ENR_SYSCFG = 1 << 1,
  CR3_LDO = 1 << 1,
  CR3_SUPPLY = 7,
  D3CR_VOLTAGE_SCALE_1 = 3 << 14,
  D3CR_READY = 1 << 13,
  PWRCR_OVERDRIVE = 1,
  ACR_AT_240_MHZ = 4 | 2 << 4, // four wait states, programming delay for 185 to 225 MHz and above
};

// VOS1 first, then VOS0 by the over-drive bit: only it allows more than 400 MHz (6.6.2).
static void raise_voltage(void) {
  itr_change(&PWR_CR3, CR3_SUPPLY, CR3_LDO);
  (void)itr_wait_set(&PWR_D3CR, D3CR_READY);
  itr_change(&PWR_D3CR, 0, D3CR_VOLTAGE_SCALE_1);
  (void)itr_wait_set(&PWR_D3CR, D3CR_READY);
  RCC_APB4ENR |= APB4ENR_SYSCFG;
  (void)RCC_APB4ENR;
  SYSCFG_PWRCR |= PWRCR_OVERDRIVE;
  (void)itr_wait_set(&PWR_D3CR, D3CR_READY);
}

// 8 MHz from the debugger, or 64 MHz of its own, divided to 4 MHz; times 240 is 960 MHz, half of it
// the core's.
static void start_clock(void) {
  RCC_CR |= CR_HSE_BYPASS | CR_HSE_ON;
  const uint32_t source = itr_wait_set(&RCC_CR, CR_HSE_READY) ? CKSELR_FROM_HSE | 2u << CKSELR_M
                                                              : CKSELR_FROM_HSI | 16u << CKSELR_M;
  RCC_PLLCKSELR = source;
  RCC_PLLCFGR = PLLCFGR_4_TO_8_MHZ | PLLCFGR_P_ON;
  RCC_PLL1DIVR = (240u - 1u) | (2u - 1u) << 9 | (4u - 1u) << 16 | (2u - 1u) << 24;
  RCC_CR |= CR_PLL1_ON;
  (void)itr_wait_set(&RCC_CR, CR_PLL1_READY);
  FLASH_ACR = ACR_AT_240_MHZ;
  (void)itr_wait_for(&FLASH_ACR, 0x3Fu, ACR_AT_240_MHZ);
  RCC_D1CFGR = D1CFGR_AHB_BY_2 | APB_BY_2 << 4;
  RCC_D2CFGR = APB_BY_2 << 4 | APB_BY_2 << 8;
  RCC_D3CFGR = APB_BY_2 << 4;
  itr_change(&RCC_CFGR, CFGR_SWITCH, CFGR_SWITCH_PLL1);
  (void)itr_wait_for(&RCC_CFGR, CFGR_SWITCHED, CFGR_SWITCHED_PLL1);
}

void itr_hal_init(void) {
  raise_voltage();
  start_clock();
  itr_caches_on();
  itr_counter_start();
  RCC_AHB4ENR |= ITR_GPIO_CLOCKS;
  RCC_APB1LENR |= ITR_APB1_CLOCKS;
  (void)RCC_APB1LENR;
  itr_pin_alternate(ITR_TX_PORT, ITR_TX_PIN, ITR_UART_FUNCTION);
  itr_pin_alternate(ITR_RX_PORT, ITR_RX_PIN, ITR_UART_FUNCTION);
  itr_uart_start();
}
