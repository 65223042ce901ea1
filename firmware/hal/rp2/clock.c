// SPDX-License-Identifier: Apache-2.0
// Crystal, PLL and clock switches of RP2040 and RP2350. Source: RP2040 Datasheet 2.14
// (RESETS), 2.15.7 (CLOCKS), 2.16.7 (XOSC), 2.18.4 (PLL); RP2350
// Datasheet 7.5, 8.1.7, 8.2.8, 8.6.5.
#include "register.h"
#include "rp2.h"

#define RESETS_CLEAR ITR_REGISTER(ITR_RESETS_BASE + 0x3000u) // atomic alias
#define RESETS_DONE ITR_REGISTER(ITR_RESETS_BASE + 0x08u)
#define XOSC_CONTROL ITR_REGISTER(ITR_XOSC_BASE + 0x00u)
#define XOSC_STATUS ITR_REGISTER(ITR_XOSC_BASE + 0x04u)
#define XOSC_STARTUP ITR_REGISTER(ITR_XOSC_BASE + 0x0Cu)
#define PLL_CONTROL ITR_REGISTER(ITR_PLL_BASE + 0x00u)
#define PLL_POWER ITR_REGISTER(ITR_PLL_BASE + 0x04u)
#define PLL_MULTIPLIER ITR_REGISTER(ITR_PLL_BASE + 0x08u)
#define PLL_DIVIDERS ITR_REGISTER(ITR_PLL_BASE + 0x0Cu)
#define CLOCK_REF_CONTROL ITR_REGISTER(ITR_CLOCKS_BASE + 0x30u)
#define CLOCK_REF_SELECTED ITR_REGISTER(ITR_CLOCKS_BASE + 0x38u)
#define CLOCK_SYS_CONTROL ITR_REGISTER(ITR_CLOCKS_BASE + 0x3Cu)
#define CLOCK_SYS_SELECTED ITR_REGISTER(ITR_CLOCKS_BASE + 0x44u)
#define CLOCK_PERI_CONTROL ITR_REGISTER(ITR_CLOCKS_BASE + 0x48u)

enum {
  XOSC_ON_1_TO_15_MHZ = 0xFABAA0,
  XOSC_STARTUP_1_MS = 47, // times 256 cycles of 12 MHz
  REF_FROM_XOSC = 2,
  SYS_FROM_AUX = 1, // aux 0: PLL_SYS
  PERI_ON_FROM_SYS = 1 << 11,
  PLL_OFF = 1 | 1 << 5,
  PLL_POSTDIV_OFF = 1 << 3,
};
#define STABLE 0x80000000u
#define LOCKED 0x80000000u

void itr_rp2_release(uint32_t blocks) {
  RESETS_CLEAR = blocks;
  (void)itr_wait_set(&RESETS_DONE, blocks);
}

void itr_rp2_start_clock(void) {
  XOSC_STARTUP = XOSC_STARTUP_1_MS;
  XOSC_CONTROL = XOSC_ON_1_TO_15_MHZ;
  (void)itr_wait_set(&XOSC_STATUS, STABLE);
  CLOCK_REF_CONTROL = REF_FROM_XOSC;
  (void)itr_wait_set(&CLOCK_REF_SELECTED, 1u << REF_FROM_XOSC);
  CLOCK_SYS_CONTROL = 0; // from the reference, while the PLL is set up
  (void)itr_wait_set(&CLOCK_SYS_SELECTED, 1);

  itr_rp2_release(ITR_RESET_PLL);
  PLL_CONTROL = 1; // reference divided by 1
  PLL_MULTIPLIER = ITR_PLL_MULTIPLIER;
  itr_change(&PLL_POWER, PLL_OFF, 0);
  (void)itr_wait_set(&PLL_CONTROL, LOCKED);
  PLL_DIVIDERS = (uint32_t)ITR_PLL_DIVIDE_1 << 16 | (uint32_t)ITR_PLL_DIVIDE_2 << 12;
  itr_change(&PLL_POWER, PLL_POSTDIV_OFF, 0);
  CLOCK_SYS_CONTROL = SYS_FROM_AUX;
  (void)itr_wait_set(&CLOCK_SYS_SELECTED, 1u << SYS_FROM_AUX);
  CLOCK_PERI_CONTROL = PERI_ON_FROM_SYS;
}
