// SPDX-License-Identifier: Apache-2.0
// What CV32E40P has beyond the common RISC-V start: a cycle counter that stands still after reset, and the
// interrupt by which the board reports a bad access.

#define FAULT_INTERRUPT_BIT 0x10000
#define MSTATUS_MIE 8

  .option arch, +zicsr

  .section .text.itr_cv32e40p_init, "ax", %progbits
  .globl itr_cv32e40p_init
  .type itr_cv32e40p_init, %function
itr_cv32e40p_init:
  csrw mcountinhibit, zero
  li t0, FAULT_INTERRUPT_BIT
  csrs mie, t0
  csrsi mstatus, MSTATUS_MIE
  ret
  .size itr_cv32e40p_init, . - itr_cv32e40p_init

  .section .text.itr_hal_counter, "ax", %progbits
  .globl itr_hal_counter
  .type itr_hal_counter, %function
itr_hal_counter:
  csrr a0, mcycle
  ret
  .size itr_hal_counter, . - itr_hal_counter

  .section .note.GNU-stack, "", %progbits
