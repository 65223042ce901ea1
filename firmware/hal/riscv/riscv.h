// SPDX-License-Identifier: Apache-2.0
#ifndef INTARSIA_HAL_RISCV_H
#define INTARSIA_HAL_RISCV_H

#include <stdint.h>

// Retired instructions, low half.
uint32_t itr_riscv_instret(void);

#endif
