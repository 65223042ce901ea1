// SPDX-License-Identifier: Apache-2.0
/* Any function of one int8 value: `out[i] = table[in[i]]`. `out` may be `in`. */
#ifndef INTARSIA_LOOKUP_H
#define INTARSIA_LOOKUP_H

#include <stdint.h>

typedef struct {
  int32_t size;
} itr_lookup_s8_params;

/* `table` has 256 entries in the order of the codes' bytes: 0 to 127, then -128 to -1. */
void itr_lookup_s8__scalar(const itr_lookup_s8_params *p, const int8_t *in, const int8_t *table,
                           int8_t *out);
void itr_lookup_s8__rvv(const itr_lookup_s8_params *p, const int8_t *in, const int8_t *table,
                        int8_t *out);

/* `runs` runs (intarsia/packed.h) of `count` elements, in and out 8, 4 or 2 bits wide each. */
typedef struct {
  int32_t runs, count, in_bits, out_bits;
} itr_lookup_packed_params;

/* `table` has an entry for each code, by its lowest in_bits bits. `out` may be `in` if out_bits <=
 * in_bits. */
void itr_lookup_packed__scalar(const itr_lookup_packed_params *p, const void *in,
                               const int8_t *table, void *out);

#endif
