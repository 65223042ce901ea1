// SPDX-License-Identifier: Apache-2.0
// Reset, vectors and faults of every Cortex-M. Source: Armv7-M Architecture Reference Manual (DDI
// 0403), B1.5 (vector table, reset, exceptions), B3.2 (SCB), B3.5 (MPU).
#include <stddef.h>
#include <stdint.h>

#include "intarsia/hal.h"
#include "stack.h"
#include "start.h"

_Noreturn void itr_reset(void);
_Noreturn void itr_fault_entry(void);
_Noreturn void itr_fault_report(const uint32_t *frame);

#define TEXT_OF(value) #value
#define TEXT(macro) TEXT_OF(macro)

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SCB_VTOR REGISTER(0xE000ED08u)
#define SCB_CFSR REGISTER(0xE000ED28u)
#define SCB_HFSR REGISTER(0xE000ED2Cu)
#define SCB_MMFAR REGISTER(0xE000ED34u)
#define SCB_BFAR REGISTER(0xE000ED38u)
#define SCB_CPACR REGISTER(0xE000ED88u)
#define MPU_TYPE REGISTER(0xE000ED90u)
#define MPU_CTRL REGISTER(0xE000ED94u)
#define MPU_RBAR REGISTER(0xE000ED9Cu)
#define MPU_RASR REGISTER(0xE000EDA0u)

enum {
  MPU_CTRL_ENABLE_OVER_DEFAULT_MAP = 5,
  MPU_RBAR_VALID = 1 << 4,
  MPU_RASR_ENABLE = 1,
  MPU_RASR_NEVER_EXECUTE = 1 << 28, // and, with no access permission bits, never read or write
  MPU_RASR_4_KB = 11 << 1,
  GUARD_BYTES = 4096,
};

#if __ARM_ARCH == 7
// What lies below RAM may be mapped: forbid it, so that a stack overflow faults.
static void guard_stack(void) {
  if (MPU_TYPE != 0) {
    MPU_RBAR = ((uint32_t)(uintptr_t)itr_stack_bottom - GUARD_BYTES) | MPU_RBAR_VALID;
    MPU_RASR = MPU_RASR_NEVER_EXECUTE | MPU_RASR_4_KB | MPU_RASR_ENABLE;
    MPU_CTRL = MPU_CTRL_ENABLE_OVER_DEFAULT_MAP;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
  }
}
#endif

typedef struct {
  const uint32_t *initial_stack; // cppcheck-suppress unusedStructMember ; the core reads them
  void (*handlers[15])(void);    // cppcheck-suppress unusedStructMember
} vector_table;

static const vector_table vectors;

void itr_start_core(void) {
#if __ARM_ARCH >= 7 || defined(ITR_VTOR)
  SCB_VTOR = (uint32_t)(uintptr_t)&vectors; // a boot loader may have started us
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  SCB_CPACR |= 0xFu << 20; // full access to coprocessors 10 and 11: FPU and MVE
  __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
  __asm__ volatile("msr msplim, %0" ::"r"(itr_stack_bottom));
#elif __ARM_ARCH == 7
  guard_stack();
#endif
}

#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
#define FORGET_STACK_LIMIT "movs r0, #0\n\tmsr msplim, r0\n\t"
#else
#define FORGET_STACK_LIMIT ""
#endif

// Nothing that a boot loader has left may interfere: no interrupt, no stack limit. Paints the stack
// before anything uses it.
__attribute__((naked, noreturn)) void itr_reset(void) {
  __asm__ volatile("cpsid i\n\t" FORGET_STACK_LIMIT "ldr r0, =itr_stack_bottom\n\t"
                   "ldr r1, =itr_stack_top\n\t"
                   "ldr r2, =" TEXT(ITR_STACK_PAINT) "\n"
                                                     "1: stmia r0!, {r2}\n\t"
                                                     "cmp r0, r1\n\t"
                                                     "blo 1b\n\t"
                                                     "bl itr_start\n\t"
                                                     ".ltorg");
}

static uint32_t stacked(const uint32_t *frame, size_t index) {
  return frame >= itr_stack_bottom && frame + 8 <= itr_stack_top ? frame[index] : 0;
}

__attribute__((used)) _Noreturn void itr_fault_report(const uint32_t *frame) {
  const itr_fault_register registers[] = {
      {{'P', 'C', ' ', ' '}, stacked(frame, 6)}, {{'L', 'R', ' ', ' '}, stacked(frame, 5)},
      {{'P', 'S', 'R', ' '}, stacked(frame, 7)}, {{'S', 'P', ' ', ' '}, (uint32_t)(uintptr_t)frame},
#if __ARM_ARCH >= 7
      {{'C', 'F', 'S', 'R'}, SCB_CFSR},          {{'H', 'F', 'S', 'R'}, SCB_HFSR},
      {{'M', 'M', 'A', 'R'}, SCB_MMFAR},         {{'B', 'F', 'A', 'R'}, SCB_BFAR},
#endif
  };
  itr_fault(registers, sizeof registers / sizeof registers[0]);
}

// Reports on what is left of the stack, or from its top when an overflow left too little.
__attribute__((naked, noreturn)) void itr_fault_entry(void) {
  __asm__ volatile("mrs r0, msp\n\t"
                   "ldr r1, =itr_stack_bottom + 512\n\t"
                   "cmp r0, r1\n\t"
                   "bhs 1f\n\t"
                   "ldr r1, =itr_stack_top\n\t"
                   "mov sp, r1\n"
                   "1: bl itr_fault_report\n\t"
                   ".ltorg");
}

__attribute__((section(".vectors"), used)) static const vector_table vectors = {
    itr_stack_top,
    {
        itr_reset,
        itr_fault_entry, // NMI
        itr_fault_entry, // HardFault
        itr_fault_entry, // MemManage
        itr_fault_entry, // BusFault
        itr_fault_entry, // UsageFault
        itr_fault_entry, // SecureFault
        NULL,
        NULL,
        NULL,
        itr_fault_entry, // SVCall
        itr_fault_entry, // DebugMonitor
        NULL,
        itr_fault_entry, // PendSV
        itr_fault_entry, // SysTick
    },
};
