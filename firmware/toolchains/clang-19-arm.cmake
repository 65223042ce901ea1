# SPDX-License-Identifier: Apache-2.0
# Clang 19 for Arm; GCC links, with its newlib and libgcc. For Helium: GCC 12 miscompiles constant vector
# predicates and GNU as 2.40 encodes some narrowing shifts wrongly. ITR_CPU_FLAGS as in arm-none-eabi-gcc.cmake.
# needs clang-19: sudo apt-get install clang-19
# needs arm-none-eabi-gcc: sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ITR_CPU_FLAGS)

set(CMAKE_C_COMPILER clang-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_C_COMPILER_TARGET arm-none-eabi)
set(CMAKE_ASM_COMPILER_TARGET arm-none-eabi)
# As GCC does on this target; without it, enumerations would differ in size from newlib's.
set(CMAKE_C_FLAGS_INIT "${ITR_CPU_FLAGS} -fshort-enums")
set(CMAKE_ASM_FLAGS_INIT "${ITR_CPU_FLAGS}")
# <string.h> for compilers that come without a C library.
foreach(folder hal/freestanding ../hal/freestanding)
  if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/${folder}")
    string(APPEND CMAKE_C_FLAGS_INIT " -isystem ${CMAKE_CURRENT_LIST_DIR}/${folder}")
  endif()
endforeach()
set(CMAKE_AR arm-none-eabi-ar CACHE FILEPATH "" FORCE)
set(CMAKE_RANLIB arm-none-eabi-ranlib CACHE FILEPATH "" FORCE)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostartfiles -Wl,--gc-sections -Wl,-z,noexecstack")
set(CMAKE_C_LINK_EXECUTABLE
    "arm-none-eabi-gcc ${ITR_CPU_FLAGS} <CMAKE_C_LINK_FLAGS> <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
