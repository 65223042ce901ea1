// SPDX-License-Identifier: Apache-2.0
// A model small enough to know everything about: inputs data[490] and command[1], outputs
// data + weights and the number of inferences since the last reset. Layer 0 takes exactly
// KNOWN_COUNTS between its marks; a command makes the device misbehave.
#include <stdint.h>
#include <string.h>

#include "intarsia/model.h"
#include "intarsia/profile.h"

enum { DATA_BYTES = 490, WEIGHTS = 7 };
enum { COMMAND_HANG = 1, COMMAND_BAD_ACCESS = 2, COMMAND_STACK_OVERFLOW = 3 };

#define ARENA(name) __attribute__((section(".bss.itr_arena." #name), aligned(16)))

__attribute__((section(".rodata.itr_weights.layer_1"))) static const uint8_t weights[WEIGHTS] = {
    1, 2, 3, 4, 5, 6, 7};

static uint8_t data[DATA_BYTES] ARENA(data);
static uint8_t command[1] ARENA(command);
static uint8_t sums[DATA_BYTES] ARENA(sums);
static uint32_t inferences = 77;
static uint32_t initial = 77;

static void init(void) {
  inferences = initial - 77;
}

// 200 rounds of two instructions, and one before them.
static void known_layer(void) {
#if defined(__arm__) && ITR_PROFILE
  __asm__ volatile(".syntax unified\n\t"
                   "movs r0, #0\n\t"
                   "bl itr_profile_mark\n\t"
                   "movs r0, #200\n"
                   "1: subs r0, r0, #1\n\t"
                   "bne 1b\n\t"
                   "movs r0, #1\n\t"
                   "bl itr_profile_mark" ::
                       : "r0", "r1", "r2", "r3", "r12", "lr", "cc", "memory");
#elif defined(__riscv) && ITR_PROFILE
  __asm__ volatile(".option push\n\t"
                   ".balign 4\n\t"
                   ".option norvc\n\t"
                   "li a0, 0\n\t"
                   "jal itr_profile_mark\n\t"
                   "li a0, 200\n"
                   "1: addi a0, a0, -1\n\t"
                   "bnez a0, 1b\n\t"
                   "li a0, 1\n\t"
                   "jal itr_profile_mark\n\t"
                   ".option pop" ::
                       : "ra", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0", "t1", "t2",
                         "t3", "t4", "t5", "t6", "memory");
#else
  ITR_MARK(0);
  ITR_MARK(1);
#endif
}

__attribute__((noinline)) static uint32_t overflow_stack(uint32_t depth) {
  volatile uint32_t frame[64];
  frame[0] = depth;
  return depth == 0 ? 0 : overflow_stack(depth + 1) + frame[0];
}

static void misbehave(void) {
  switch (command[0]) {
  case COMMAND_HANG:
    for (;;) {
      __asm__ volatile("");
    }
  case COMMAND_BAD_ACCESS:
#if defined(__arm__) || defined(__riscv)
    (void)*(volatile uint32_t *)(uintptr_t)0xE8000000u;
#else
    __builtin_trap();
#endif
    break;
  case COMMAND_STACK_OVERFLOW:
    inferences = overflow_stack(1);
    break;
  default:
    break;
  }
}

static void invoke(void) {
  known_layer();
  for (uint32_t i = 0; i < DATA_BYTES; i++) {
    sums[i] = (uint8_t)(data[i] + weights[i % WEIGHTS]);
  }
  ITR_MARK(2);
  misbehave();
  inferences++;
  memcpy(data, sums, sizeof sums); // the input's memory is reused, as in a real model
}

static const itr_buffer inputs[] = {{data, sizeof data}, {command, sizeof command}};
static const itr_buffer outputs[] = {{data, sizeof data}, {&inferences, sizeof inferences}};

extern const itr_model runtime_test_model;
const itr_model runtime_test_model = {
    .name = "runtime_test",
    .hash = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    .init = init,
    .invoke = invoke,
    .inputs = inputs,
    .outputs = outputs,
    .input_count = 2,
    .output_count = 2,
    .layer_count = 2,
    .arena_bytes = 3 * 512,
};
