// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_add_table.h"

#include <string.h>

#include "intarsia/packed.h"

enum { WORD = 4 };

/* Four bytes of output; the lower halves of their bytes and the upper ones are looked up in turns.
 */
static uint32_t sums(const int8_t *table, uint32_t x, uint32_t y) {
  const uint32_t low = (x & 0x0f0f0f0fu) | (y & 0x0f0f0f0fu) << 4;
  const uint32_t high = (x >> 4 & 0x0f0f0f0fu) | (y & 0xf0f0f0f0u);
  uint32_t result = (uint32_t)table[low & 0xffu];
  result |= (uint32_t)table[high & 0xffu] << 4;
  result |= (uint32_t)table[low >> 8 & 0xffu] << 8;
  result |= (uint32_t)table[high >> 8 & 0xffu] << 12;
  result |= (uint32_t)table[low >> 16 & 0xffu] << 16;
  result |= (uint32_t)table[high >> 16 & 0xffu] << 20;
  result |= (uint32_t)table[low >> 24] << 24;
  return result | (uint32_t)table[high >> 24] << 28;
}

void itr_dsp_add_by_table(const itr_dsp_add_table *layer, const itr_add_packed_params *p,
                          const void *a, const void *b, void *out, void *scratch) {
  const uint8_t *left = a;
  const uint8_t *right = b;
  uint8_t *target = out;
  int32_t bytes = p->runs * itr_packed_bytes(p->count, layer->bits);
  (void)scratch;
  for (; bytes >= WORD; bytes -= WORD) {
    uint32_t x;
    uint32_t y;
    memcpy(&x, left, WORD);
    memcpy(&y, right, WORD);
    x = sums(layer->table, x, y);
    memcpy(target, &x, WORD);
    left += WORD;
    right += WORD;
    target += WORD;
  }
  for (; bytes > 0; bytes--) {
    *target++ = (uint8_t)sums(layer->table, *left++, *right++);
  }
}

/* Sums of codes `low` and `high` of two bytes, in two bytes each. */
static uint32_t pairs(const int8_t *table, uint32_t low, uint32_t high) {
  uint32_t result = (uint8_t)table[low & 0xffu];
  result |= (uint32_t)(uint8_t)table[high & 0xffu] << 8;
  result |= (uint32_t)(uint8_t)table[low >> 8 & 0xffu] << 16;
  return result | (uint32_t)(uint8_t)table[high >> 8 & 0xffu] << 24;
}

void itr_dsp_add_by_table_to_bytes(const itr_dsp_add_table *layer, const itr_add_packed_params *p,
                                   const void *a, const void *b, void *out, void *scratch) {
  const uint8_t *left = a;
  const uint8_t *right = b;
  uint8_t *target = out;
  int32_t bytes = p->runs * itr_packed_bytes(p->count, layer->bits);
  (void)scratch;
  for (; bytes >= WORD; bytes -= WORD) {
    uint32_t x;
    uint32_t y;
    memcpy(&x, left, WORD);
    memcpy(&y, right, WORD);
    const uint32_t low = (x & 0x0f0f0f0fu) | (y & 0x0f0f0f0fu) << 4;
    const uint32_t high = (x >> 4 & 0x0f0f0f0fu) | (y & 0xf0f0f0f0u);
    x = pairs(layer->table, low, high);
    y = pairs(layer->table, low >> 16, high >> 16);
    memcpy(target, &x, WORD);
    memcpy(target + WORD, &y, WORD);
    left += WORD;
    right += WORD;
    target += 2 * WORD;
  }
  for (; bytes > 0; bytes--) {
    const uint32_t x = *left++;
    const uint32_t y = *right++;
    *target++ = (uint8_t)layer->table[(x & 0xfu) | (y & 0xfu) << 4];
    *target++ = (uint8_t)layer->table[x >> 4 | (y & 0xf0u)];
  }
}
