// SPDX-License-Identifier: Apache-2.0
// The two functions a compiler may call by itself: bare RISC-V toolchains come without a C library.
#include <stdint.h>
#include <string.h>

// Kept from being recognised as what they implement.
#ifdef __clang__
#define NO_IDIOMS __attribute__((no_builtin))
#else
#define NO_IDIOMS __attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif

typedef uint32_t __attribute__((may_alias)) word;

enum { BLOCK_WORDS = 4 };

static int together_aligned(const void *a, const void *b) {
  return (((uintptr_t)a | (uintptr_t)b) & (sizeof(word) - 1)) == 0;
}

#undef memcpy
NO_IDIOMS void *memcpy(void *restrict dst, const void *restrict src, size_t bytes) {
  uint8_t *to = dst;
  const uint8_t *from = src;
  if (together_aligned(dst, src)) {
    for (; bytes >= BLOCK_WORDS * sizeof(word); bytes -= BLOCK_WORDS * sizeof(word)) {
      word *out = (word *)(void *)to;
      const word *in = (const word *)(const void *)from;
      word a = in[0], b = in[1], c = in[2], d = in[3];
      out[0] = a, out[1] = b, out[2] = c, out[3] = d;
      to += BLOCK_WORDS * sizeof(word);
      from += BLOCK_WORDS * sizeof(word);
    }
  }
  while (bytes-- != 0) {
    *to++ = *from++;
  }
  return dst;
}

#undef memset
NO_IDIOMS void *memset(void *dst, int value, size_t bytes) {
  uint8_t *to = dst;
  const uint8_t byte = (uint8_t)value;
  if (together_aligned(dst, dst)) {
    const word filled = 0x01010101u * byte;
    for (; bytes >= BLOCK_WORDS * sizeof(word); bytes -= BLOCK_WORDS * sizeof(word)) {
      word *out = (word *)(void *)to;
      out[0] = filled, out[1] = filled, out[2] = filled, out[3] = filled;
      to += BLOCK_WORDS * sizeof(word);
    }
  }
  while (bytes-- != 0) {
    *to++ = byte;
  }
  return dst;
}
