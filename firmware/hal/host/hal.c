// SPDX-License-Identifier: Apache-2.0
// The firmware as a process of the host: the link is its standard input and output.
#include "intarsia/hal.h"

#include <stdlib.h>
#include <unistd.h>

#include "intarsia/protocol.h"

void itr_hal_init(void) {}

size_t itr_hal_read(void *dst, size_t max) {
  ssize_t got = read(STDIN_FILENO, dst, max);
  return got < 0 ? 0 : (size_t)got;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes != 0) {
    ssize_t written = write(STDOUT_FILENO, next, bytes);
    if (written <= 0) {
      return;
    }
    next += written;
    bytes -= (size_t)written;
  }
}

uint32_t itr_hal_counter(void) {
  return 0;
}

uint32_t itr_hal_stack_bytes(void) {
  return ITR_STACK_UNKNOWN;
}

_Noreturn void itr_hal_exit(int code) {
  exit(code);
}
