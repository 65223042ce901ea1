# SPDX-License-Identifier: Apache-2.0
# Clang 19 for bare RISC-V with vectors, which GCC 12 has no intrinsics for. Without a C library:
# what 64-bit arithmetic needs comes from GCC's libgcc. ITR_CPU_FLAGS: -march and -mabi.
# needs clang-19: sudo apt-get install clang-19
# needs riscv64-unknown-elf-gcc: sudo apt-get install gcc-riscv64-unknown-elf
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ITR_CPU_FLAGS)

set(CMAKE_C_COMPILER clang-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET riscv32-unknown-elf)
set(CMAKE_ASM_COMPILER_TARGET riscv32-unknown-elf)
set(CMAKE_C_FLAGS_INIT "${ITR_CPU_FLAGS} -ffreestanding -mcmodel=medany")
set(CMAKE_ASM_FLAGS_INIT "${ITR_CPU_FLAGS}")
# <string.h> for compilers that come without a C library.
foreach(folder hal/freestanding ../hal/freestanding)
  if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/${folder}")
    string(APPEND CMAKE_C_FLAGS_INIT " -isystem ${CMAKE_CURRENT_LIST_DIR}/${folder}")
  endif()
endforeach()
set(CMAKE_AR riscv64-unknown-elf-ar CACHE FILEPATH "" FORCE)
set(CMAKE_RANLIB riscv64-unknown-elf-ranlib CACHE FILEPATH "" FORCE)
# GCC links, as it knows where its libgcc is: that of the base instruction set, since it has none for vectors.
string(REGEX REPLACE "_z[a-z0-9_]+| -mrvv[^ ]*" "" ITR_LINK_FLAGS "${ITR_CPU_FLAGS}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostdlib -Wl,--gc-sections -Wl,-z,noexecstack")
set(CMAKE_C_STANDARD_LIBRARIES_INIT "-lgcc")
set(CMAKE_C_LINK_EXECUTABLE
    "riscv64-unknown-elf-gcc ${ITR_LINK_FLAGS} <CMAKE_C_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
