// SPDX-License-Identifier: Apache-2.0
// The two functions that Intarsia's C uses of <string.h>, for compilers that come without a C
// library. As builtins, small constant sizes stay inline even in a freestanding build.
#ifndef INTARSIA_HAL_STRING_H
#define INTARSIA_HAL_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t bytes);
void *memset(void *dst, int value, size_t bytes);

#define memcpy(dst, src, bytes) __builtin_memcpy(dst, src, bytes)
#define memset(dst, value, bytes) __builtin_memset(dst, value, bytes)

#endif
