// SPDX-License-Identifier: Apache-2.0
#include "semihosting.h"

#include <stddef.h>
#include <stdint.h>

#include "intarsia/hal.h"
#include "intarsia/protocol.h"

enum {
  SYS_OPEN = 0x01,
  SYS_WRITE = 0x05,
  SYS_READ = 0x06,
  SYS_EXIT_EXTENDED = 0x20,
  OPEN_READ_BINARY = 1,
  OPEN_WRITE_BINARY = 5,
  APPLICATION_EXIT = 0x20026,
};

_Noreturn void itr_semihosting_exit(int code) {
  const uintptr_t arguments[2] = {APPLICATION_EXIT, (uintptr_t)code};
  (void)itr_semihosting_call(SYS_EXIT_EXTENDED, arguments);
  for (;;) {
  }
}

#if !ITR_LINK_UART

static int receive_file;
static int transmit_file;

static int open_file(const char *name, size_t length, uintptr_t mode) {
  const uintptr_t arguments[3] = {(uintptr_t)name, mode, length};
  int file = itr_semihosting_call(SYS_OPEN, arguments);
  if (file < 0) {
    itr_semihosting_exit(ITR_EXIT_NO_LINK);
  }
  return file;
}

void itr_semihosting_open(void) {
  static const char receive_name[] = ITR_RECEIVE_FIFO;
  static const char transmit_name[] = ITR_TRANSMIT_FIFO;
  receive_file = open_file(receive_name, sizeof receive_name - 1, OPEN_READ_BINARY);
  transmit_file = open_file(transmit_name, sizeof transmit_name - 1, OPEN_WRITE_BINARY);
}

// cppcheck-suppress constParameterPointer ; the host writes there
size_t itr_hal_read(void *dst, size_t max) {
  const uintptr_t arguments[3] = {(uintptr_t)receive_file, (uintptr_t)dst, max};
  int unread = itr_semihosting_call(SYS_READ, arguments);
  return unread < 0 ? 0 : max - (size_t)unread;
}

void itr_hal_write(const void *src, size_t bytes) {
  const uint8_t *next = src;
  while (bytes != 0) {
    const uintptr_t arguments[3] = {(uintptr_t)transmit_file, (uintptr_t)next, bytes};
    int left = itr_semihosting_call(SYS_WRITE, arguments);
    if (left < 0 || (size_t)left >= bytes) {
      return;
    }
    next += bytes - (size_t)left;
    bytes = (size_t)left;
  }
}

#endif
