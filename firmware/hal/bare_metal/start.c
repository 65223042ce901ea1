// SPDX-License-Identifier: Apache-2.0
#include "start.h"

#include <stdint.h>

#include "intarsia/hal.h"

// Laid out by sections.ld.
extern const uint32_t itr_data_load[];
extern const uint32_t itr_hot_load[];
extern uint32_t itr_data_start[], itr_data_end[], itr_hot_start[], itr_hot_end[];
extern uint32_t itr_bss_start[], itr_bss_end[], itr_arena_start[], itr_arena_end[];
extern uint32_t itr_fast_arena_start[], itr_fast_arena_end[];

int main(void);

// Through volatile, lest the compiler turn the loop into a call of memset.
static void zero(volatile uint32_t *from, const volatile uint32_t *to) {
  while (from < to) {
    *from++ = 0;
  }
}

// Likewise lest it become a call of memcpy.
static void copy(uint32_t *to, const uint32_t *end, const volatile uint32_t *from) {
  while (to < end) {
    *to++ = *from++;
  }
}

_Noreturn void itr_start(void) {
  itr_start_core();
  copy(itr_data_start, itr_data_end, itr_data_load);
  copy(itr_hot_start, itr_hot_end, itr_hot_load);
  __asm__ volatile("" ::: "memory"); // code was written as data
  zero(itr_bss_start, itr_bss_end);
  zero(itr_arena_start, itr_arena_end);
  zero(itr_fast_arena_start, itr_fast_arena_end);
  itr_hal_exit(main());
}
