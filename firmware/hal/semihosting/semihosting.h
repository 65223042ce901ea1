// SPDX-License-Identifier: Apache-2.0
// The debugger's (or emulator's) services: files on the host, and leaving the emulator.
// Source: "Semihosting for AArch32 and AArch64" (Arm IHI 0100), and its RISC-V binding.
#ifndef INTARSIA_HAL_SEMIHOSTING_H
#define INTARSIA_HAL_SEMIHOSTING_H

int itr_semihosting_call(int operation, const void *arguments);

// Opens the two FIFOs in the emulator's working directory; exits with ITR_EXIT_NO_LINK without
// them.
void itr_semihosting_open(void);

_Noreturn void itr_semihosting_exit(int code);

#endif
