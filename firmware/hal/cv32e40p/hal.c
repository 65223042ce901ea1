// SPDX-License-Identifier: Apache-2.0
// The simulated board of firmware/rtl/cv32e40p: its host port moves whole blocks.
#include "intarsia/hal.h"

#define HOST_PORT(index) (((volatile uint32_t *)ITR_HOST_BASE)[index])

enum { HOST_ADDRESS, HOST_LENGTH, HOST_COMMAND, HOST_RESULT };
enum { COMMAND_READ = 1, COMMAND_WRITE = 2, COMMAND_EXIT = 3 };

void itr_cv32e40p_init(void);

static void command(const void *block, uint32_t length, uint32_t code) {
  __asm__ volatile("" ::: "memory"); // the host reads and writes the block itself
  HOST_PORT(HOST_ADDRESS) = (uint32_t)(uintptr_t)block;
  HOST_PORT(HOST_LENGTH) = length;
  HOST_PORT(HOST_COMMAND) = code;
  __asm__ volatile("" ::: "memory");
}

void itr_hal_init(void) {
  itr_cv32e40p_init();
}

// cppcheck-suppress constParameterPointer ; the host writes there
size_t itr_hal_read(void *dst, size_t max) {
  command(dst, max, COMMAND_READ);
  return HOST_PORT(HOST_RESULT);
}

void itr_hal_write(const void *src, size_t bytes) {
  command(src, bytes, COMMAND_WRITE);
}

_Noreturn void itr_hal_exit(int code) {
  for (;;) {
    command((const void *)0, (uint32_t)code, COMMAND_EXIT);
  }
}
