// SPDX-License-Identifier: Apache-2.0
// int itr_semihosting_call(int operation, const void *arguments)
#if defined(__riscv)
  .section .text.itr_semihosting_call, "ax", %progbits
  .globl itr_semihosting_call
  .type itr_semihosting_call, %function
  // The three instructions must be 32 bits wide and lie in one page.
  .balign 16
itr_semihosting_call:
  .option push
  .option norvc
  slli zero, zero, 0x1f
  ebreak
  srai zero, zero, 7
  .option pop
  ret
#else
  .syntax unified
  .thumb
  .section .text.itr_semihosting_call, "ax", %progbits
  .globl itr_semihosting_call
  .type itr_semihosting_call, %function
  .thumb_func
itr_semihosting_call:
  bkpt 0xab
  bx lr
#endif
  .size itr_semihosting_call, . - itr_semihosting_call

  .section .note.GNU-stack, "", %progbits
