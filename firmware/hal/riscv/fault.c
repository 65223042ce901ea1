// SPDX-License-Identifier: Apache-2.0
#include "intarsia/hal.h"

_Noreturn void itr_fault_report(uint32_t mcause, uint32_t mepc, uint32_t mtval, uint32_t ra,
                                uint32_t sp);

// Called by itr_trap.
_Noreturn void itr_fault_report(uint32_t mcause, uint32_t mepc, uint32_t mtval, uint32_t ra,
                                uint32_t sp) {
  const itr_fault_register registers[] = {
      {{'P', 'C', ' ', ' '}, mepc}, {{'C', 'A', 'U', 'S'}, mcause}, {{'T', 'V', 'A', 'L'}, mtval},
      {{'R', 'A', ' ', ' '}, ra},   {{'S', 'P', ' ', ' '}, sp},
  };
  itr_fault(registers, sizeof registers / sizeof registers[0]);
}
