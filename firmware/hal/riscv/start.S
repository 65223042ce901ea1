// SPDX-License-Identifier: Apache-2.0
// Reset and traps of a 32-bit RISC-V hart in machine mode. Source: The RISC-V Instruction Set Manual, Volume II, 3.1.6
// (mstatus), 3.1.7 (mtvec), 3.7.1 (PMP).
#include "stack.h"

#define GUARD_BYTES 4096
#define PMP_NO_ACCESS_NAPOT_LOCKED 0x98
#define MSTATUS_FS_VS_INITIAL 0x2200
#define MSTATUS_MIE 8

  .option arch, +zicsr

  .section .init, "ax", %progbits
  .globl itr_reset
  .type itr_reset, %function
itr_reset:
  csrci mstatus, MSTATUS_MIE // a boot loader may have started us
  // Some chips start at an alias of the flash; addresses relative to the program counter hold only where it was linked.
  lui t0, %hi(1f)
  jalr zero, %lo(1f)(t0)
1:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  la sp, itr_stack_top
  la t0, itr_trap
  csrw mtvec, t0

  // Paint the stack before anything uses it.
  la t0, itr_stack_bottom
  li t1, ITR_STACK_PAINT
1:
  sw t1, 0(t0)
  addi t0, t0, 4
  bltu t0, sp, 1b

#if !defined(ITR_NO_PMP)
  // A page below the stack that nobody may touch: an overflow traps. The lock binds machine mode, too.
  la t0, itr_stack_bottom - GUARD_BYTES
  srli t0, t0, 2
  ori t0, t0, GUARD_BYTES / 8 - 1
  csrw pmpaddr0, t0
  li t0, PMP_NO_ACCESS_NAPOT_LOCKED
  csrw pmpcfg0, t0
#endif
  call itr_start
  .size itr_reset, . - itr_reset

  .section .text.itr_start_core, "ax", %progbits
  .globl itr_start_core
  .type itr_start_core, %function
itr_start_core:
#if defined(__riscv_flen) || defined(__riscv_vector)
  li t0, MSTATUS_FS_VS_INITIAL
  csrs mstatus, t0
#endif
  ret
  .size itr_start_core, . - itr_start_core

  // Reports on what is left of the stack, or from its top when an overflow left too little.
  .section .text.itr_trap, "ax", %progbits
  .balign 256 // what the chips with the fewest bits in mtvec ask for
  .type itr_trap, %function
itr_trap:
  csrr a0, mcause
  csrr a1, mepc
  csrr a2, mtval
  mv a3, ra
  mv a4, sp
  la t0, itr_stack_bottom + 512
  bgeu sp, t0, 1f
  la sp, itr_stack_top
1:
  call itr_fault_report
  .size itr_trap, . - itr_trap

  // Retired instructions, low half.
  .section .text.itr_riscv_instret, "ax", %progbits
  .globl itr_riscv_instret
  .type itr_riscv_instret, %function
itr_riscv_instret:
  csrr a0, minstret
  ret
  .size itr_riscv_instret, . - itr_riscv_instret

  .section .note.GNU-stack, "", %progbits
