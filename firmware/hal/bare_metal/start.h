// SPDX-License-Identifier: Apache-2.0
#ifndef INTARSIA_HAL_START_H
#define INTARSIA_HAL_START_H

// Given by the architecture: switches on what the compiler was allowed to use.
void itr_start_core(void);

// Entered from reset on a painted stack: sets memory up as C expects it and runs main.
_Noreturn void itr_start(void);

#endif
