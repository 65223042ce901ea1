// SPDX-License-Identifier: Apache-2.0
// The stack lies below everything else in RAM, so that an overflow leaves RAM instead of
// overwriting variables, and start-up paints it to find its high-water mark later.
#ifndef INTARSIA_HAL_STACK_H
#define INTARSIA_HAL_STACK_H

#define ITR_STACK_PAINT 0xA5C35A3C

#ifndef __ASSEMBLER__
#include <stdint.h>

extern uint32_t itr_stack_bottom[], itr_stack_top[];
#endif

#endif
