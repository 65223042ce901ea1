// SPDX-License-Identifier: Apache-2.0
// STM32 N6 at 600 MHz, secure, loaded into RAM by a debugger (BOOT1 set: development boot): clock
// tree, caches, pins of the UART. 800 MHz would need a higher core voltage from the board's
// external supply. Source: RM0486 14.10 (RCC: CR, SR, CFGR1, CFGR2, PLL1CFGR1 to 3, IC1CFGR,
// IC2CFGR, CCIPR13, DIVENR, AHB4ENR, APB2ENR), 13 (PWR: SVMCR3).
#include "intarsia/hal.h"

#include "cache.h"
#include "chip.h"
#include "gpio.h"
#include "register.h"

#define RCC_CR ITR_REGISTER(0x56028000u)
#define RCC_SR ITR_REGISTER(0x56028004u)
#define RCC_CFGR1 ITR_REGISTER(0x56028020u)
#define RCC_CFGR2 ITR_REGISTER(0x56028024u)
#define RCC_PLL1CFGR1 ITR_REGISTER(0x56028080u)
#define RCC_PLL1CFGR2 ITR_REGISTER(0x56028084u)
#define RCC_PLL1CFGR3 ITR_REGISTER(0x56028088u)
#define RCC_IC1CFGR ITR_REGISTER(0x560280C4u)
#define RCC_IC2CFGR ITR_REGISTER(0x560280C8u)
#define RCC_CCIPR13 ITR_REGISTER(0x56028174u)
#define RCC_DIVENR ITR_REGISTER(0x56028240u)
#define RCC_AHB4ENR ITR_REGISTER(0x5602825Cu)
#define RCC_APB2ENR ITR_REGISTER(0x5602826Cu)
#define PWR_SVMCR3 ITR_REGISTER(0x5602483Cu)

enum {
  CR_HSI_ON = 1 << 3,
  CR_PLL1_ON = 1 << 8, // and the ready flags at the same places of SR
  PLL_M = 20,          // positions; PLL1SEL 0 is the 64 MHz HSI
  PLL_N = 8,
  PLL_OUTPUT_ON = 1 << 30,
  PLL_DIVIDE_1 = 27,
  PLL_DIVIDE_2 = 24,
  PLL_NO_SPREAD = 1 << 2 | 1,
  IC_DIVIDE = 16, // IC1SEL and IC2SEL 0 are PLL1
  DIVENR_IC1_IC2 = 3,
  CFGR1_CPU_FROM_IC1 = 3 << 16,
  CFGR1_CPU_SWITCHED = 3 << 20,
  CFGR1_BUS_FROM_IC2 = 3 << 24,
  CFGR1_BUS_SWITCHED = 3 << 28,
  CFGR2_AHB_BY_2 = 1 << 20,
  USART1_CLOCK = 7,
  USART1_CLOCK_HSI = 6,
  SVMCR3_IO_SUPPLIES_VALID = 3 << 8, // VDDIO2 and VDDIO3: port E among others
};

// 64 MHz / 4 * 75 = 1200 MHz; the core gets half of it (IC1), the buses a third (IC2).
static void start_clock(void) {
  RCC_CR |= CR_HSI_ON;
  (void)itr_wait_set(&RCC_SR, CR_HSI_ON);
  itr_change(&RCC_CFGR1, CFGR1_CPU_FROM_IC1 | CFGR1_BUS_FROM_IC2, 0);
  (void)itr_wait_for(&RCC_CFGR1, CFGR1_CPU_SWITCHED | (uint32_t)CFGR1_BUS_SWITCHED, 0);
  RCC_CR &= ~(uint32_t)CR_PLL1_ON;
  RCC_PLL1CFGR1 = 4u << PLL_M | 75u << PLL_N;
  RCC_PLL1CFGR2 = 0;
  RCC_PLL1CFGR3 = PLL_OUTPUT_ON | 1u << PLL_DIVIDE_1 | 1u << PLL_DIVIDE_2 | PLL_NO_SPREAD;
  RCC_CR |= CR_PLL1_ON;
  (void)itr_wait_set(&RCC_SR, CR_PLL1_ON);
  RCC_IC1CFGR = (2u - 1u) << IC_DIVIDE;
  RCC_IC2CFGR = (3u - 1u) << IC_DIVIDE;
  RCC_DIVENR |= DIVENR_IC1_IC2;
  RCC_CFGR2 = CFGR2_AHB_BY_2;
  itr_change(&RCC_CFGR1, 0, CFGR1_CPU_FROM_IC1 | CFGR1_BUS_FROM_IC2);
  (void)itr_wait_set(&RCC_CFGR1, CFGR1_CPU_SWITCHED | (uint32_t)CFGR1_BUS_SWITCHED);
}

void itr_hal_init(void) {
  start_clock();
  itr_caches_on();
  itr_counter_start();
  PWR_SVMCR3 |= SVMCR3_IO_SUPPLIES_VALID;
  RCC_AHB4ENR |= ITR_GPIO_CLOCKS;
  itr_change(&RCC_CCIPR13, USART1_CLOCK, USART1_CLOCK_HSI);
  RCC_APB2ENR |= ITR_APB2_CLOCKS;
  (void)RCC_APB2ENR;
  itr_pin_alternate(ITR_TX_PORT, ITR_TX_PIN, ITR_UART_FUNCTION);
  itr_pin_alternate(ITR_RX_PORT, ITR_RX_PIN, ITR_UART_FUNCTION);
  itr_uart_start();
}
