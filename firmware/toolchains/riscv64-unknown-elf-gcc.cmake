# SPDX-License-Identifier: Apache-2.0
# GCC 12 or newer for bare RISC-V, without a C library. ITR_CPU_FLAGS: -march (one GCC has a multilib for) and -mabi.
# needs riscv64-unknown-elf-gcc: sudo apt-get install gcc-riscv64-unknown-elf
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ITR_CPU_FLAGS)

set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_ASM_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_C_FLAGS_INIT "${ITR_CPU_FLAGS} -ffreestanding -mcmodel=medany")
set(CMAKE_ASM_FLAGS_INIT "${ITR_CPU_FLAGS}")
# <string.h> for compilers that come without a C library.
foreach(folder hal/freestanding ../hal/freestanding)
  if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/${folder}")
    string(APPEND CMAKE_C_FLAGS_INIT " -isystem ${CMAKE_CURRENT_LIST_DIR}/${folder}")
  endif()
endforeach()
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -Wl,--gc-sections -Wl,-z,noexecstack")
set(CMAKE_C_STANDARD_LIBRARIES_INIT "-lgcc")
