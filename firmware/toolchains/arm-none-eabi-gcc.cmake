# SPDX-License-Identifier: Apache-2.0
# GNU Arm Embedded (GCC 12 or newer) with its newlib. ITR_CPU_FLAGS: -mcpu and the like, set before project().
# needs arm-none-eabi-gcc: sudo apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ITR_CPU_FLAGS)

set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
# __fp16, for conversions of half precision where the FPU has them.
set(CMAKE_C_FLAGS_INIT "${ITR_CPU_FLAGS} -mfp16-format=ieee")
set(CMAKE_ASM_FLAGS_INIT "${ITR_CPU_FLAGS}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-nostartfiles -Wl,--gc-sections -Wl,-z,noexecstack")
