// SPDX-License-Identifier: Apache-2.0
// What the runtime needs from a target. One family of targets implements it in
// firmware/hal/<family>/.
#ifndef INTARSIA_HAL_H
#define INTARSIA_HAL_H

#include <stddef.h>
#include <stdint.h>

// Starts clocks, counter and link. Called once, before anything else here.
void itr_hal_init(void);

// Blocks until at least one byte is there; returns how many were stored, 0 once the link is closed.
size_t itr_hal_read(void *dst, size_t max);

// Blocks until all bytes are handed over; without effect once the link is closed.
void itr_hal_write(const void *src, size_t bytes);

// Free-running, counts up and wraps modulo 2^32. What a tick is, the board says.
uint32_t itr_hal_counter(void);

// The most stack in use at any time since reset, in bytes; ITR_STACK_UNKNOWN where nobody can tell.
uint32_t itr_hal_stack_bytes(void);

_Noreturn void itr_hal_exit(int code);

// One register of a fault report. The tag is four letters, blank-padded.
typedef struct {
  char tag[4];
  uint32_t value;
} itr_fault_register;

// Called by a family's fault handler: sends a FAULT frame and exits with ITR_EXIT_FAULT.
_Noreturn void itr_fault(const itr_fault_register *registers, size_t count);

#endif
