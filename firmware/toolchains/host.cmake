# SPDX-License-Identifier: Apache-2.0
# This computer's own compiler; ITR_CPU_FLAGS may name its instruction sets.
# needs cc: sudo apt-get install gcc libc6-dev
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ITR_CPU_FLAGS)
set(CMAKE_C_FLAGS_INIT "${ITR_CPU_FLAGS}")
set(CMAKE_ASM_FLAGS_INIT "${ITR_CPU_FLAGS}")
