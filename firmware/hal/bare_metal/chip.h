// SPDX-License-Identifier: Apache-2.0
// What a chip's itr_hal_init() calls; the folders of UARTs and counters implement it.
#ifndef INTARSIA_HAL_CHIP_H
#define INTARSIA_HAL_CHIP_H

// 8N1 at ITR_UART_BAUD from ITR_UART_CLOCK (Hz). Clocks and pins of the UART must be on.
void itr_uart_start(void);

// Starts what itr_hal_counter() reads.
void itr_counter_start(void);

#endif
