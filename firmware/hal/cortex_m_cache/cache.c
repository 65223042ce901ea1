// SPDX-License-Identifier: Apache-2.0
// Level-1 caches of Cortex-M7 and Cortex-M55. Source: Armv7-M Architecture Reference Manual (DDI
// 0403), B2.2.7 (cache maintenance), B3.2.8 (CCR), B4.8 (CCSIDR, CSSELR).
#include "cache.h"

#include "register.h"

#define CCR ITR_REGISTER(0xE000ED14u)
#define CCSIDR ITR_REGISTER(0xE000ED80u)
#define CSSELR ITR_REGISTER(0xE000ED84u)
#define ICIALLU ITR_REGISTER(0xE000EF50u)
#define DCISW ITR_REGISTER(0xE000EF60u)

enum { CCR_DATA_CACHE = 1 << 16, CCR_INSTRUCTION_CACHE = 1 << 17, LINE_SHIFT = 5, WAY_SHIFT = 30 };

static void barrier(void) {
  __asm__ volatile("dsb\n\tisb" ::: "memory");
}

// Both cores have 32-byte lines and four data ways: the way lies in the top two bits of DCISW.
static void invalidate_data_cache(void) {
  CSSELR = 0;
  barrier();
  const uint32_t size = CCSIDR;
  const uint32_t sets = (size >> 13) & 0x7FFFu, ways = (size >> 3) & 0x3FFu;
  for (uint32_t set = 0; set <= sets; set++) {
    for (uint32_t way = 0; way <= ways; way++) {
      DCISW = way << WAY_SHIFT | set << LINE_SHIFT;
    }
  }
}

void itr_caches_on(void) {
  if ((CCR & CCR_DATA_CACHE) != 0) {
    return; // started over, or by a boot loader: what is in the cache is wanted
  }
  ICIALLU = 0;
  invalidate_data_cache();
  barrier();
  CCR |= CCR_INSTRUCTION_CACHE | CCR_DATA_CACHE;
  barrier();
}
