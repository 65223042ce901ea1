// SPDX-License-Identifier: Apache-2.0
// Without a debugger there is nobody to take an exit code: the firmware starts over and waits for the next host.
// _Noreturn void itr_hal_exit(int code)
#define MSTATUS_MPP_MACHINE 0x1800

  .option arch, +zicsr

  .section .text.itr_hal_exit, "ax", %progbits
  .globl itr_hal_exit
  .type itr_hal_exit, %function
itr_hal_exit:
  la t0, itr_reset
  csrw mepc, t0
  li t0, MSTATUS_MPP_MACHINE
  csrs mstatus, t0
  mret
  .size itr_hal_exit, . - itr_hal_exit

  .section .note.GNU-stack, "", %progbits
