// SPDX-License-Identifier: Apache-2.0
// RP2040 and RP2350 share these blocks, at different addresses that the board gives.
#ifndef INTARSIA_HAL_RP2_H
#define INTARSIA_HAL_RP2_H

#include <stdint.h>

// Takes blocks (a mask of the RESETS register) out of reset.
void itr_rp2_release(uint32_t blocks);

// 12 MHz crystal, then PLL_SYS: 12 MHz * ITR_PLL_MULTIPLIER / ITR_PLL_DIVIDE_1 / ITR_PLL_DIVIDE_2.
void itr_rp2_start_clock(void);

#endif
