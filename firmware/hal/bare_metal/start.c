// SPDX-License-Identifier: Apache-2.0
#include "start.h"

#include <stdint.h>

#include "intarsia/hal.h"

// Laid out by sections.ld.
extern const uint32_t itr_data_load[];
extern uint32_t itr_data_start[], itr_data_end[];
extern uint32_t itr_bss_start[], itr_bss_end[], itr_arena_start[], itr_arena_end[];

int main(void);

// Through volatile, lest the compiler turn the loop into a call of memset.
static void zero(volatile uint32_t *from, const volatile uint32_t *to) {
  while (from < to) {
    *from++ = 0;
  }
}

_Noreturn void itr_start(void) {
  itr_start_core();
  const volatile uint32_t *load = itr_data_load;
  for (uint32_t *word = itr_data_start; word < itr_data_end; word++) {
    *word = *load++;
  }
  zero(itr_bss_start, itr_bss_end);
  zero(itr_arena_start, itr_arena_end);
  itr_hal_exit(main());
}
