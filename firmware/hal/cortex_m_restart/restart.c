// SPDX-License-Identifier: Apache-2.0
// For firmware that a debugger has put into RAM, which a reset would erase: it starts over by
// itself and waits for the next host. After a fault it cannot (the core is still in its handler)
// and stops. Source: Armv7-M Architecture Reference Manual (DDI 0403), B1.4.2 (IPSR).
#include <stdint.h>

#include "intarsia/hal.h"

_Noreturn void itr_hal_exit(int code) {
  uint32_t exception;
  (void)code;
  __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
  if (exception == 0) {
    __asm__ volatile("ldr r0, =itr_stack_top\n\t"
                     "mov sp, r0\n\t"
                     "ldr r0, =itr_reset\n\t"
                     "mov pc, r0\n\t"
                     ".ltorg");
  }
  for (;;) {
  }
}
