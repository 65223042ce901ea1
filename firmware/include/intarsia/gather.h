// SPDX-License-Identifier: Apache-2.0
/* GATHER of [batch][outer][extent][slice] by indices [batch][count], giving
 * [batch][outer][count][slice]; a slice has `bytes` bytes. Indices beyond 0 .. extent - 1 give the
 * nearest slice. `out` may not overlap `in`. */
#ifndef INTARSIA_GATHER_H
#define INTARSIA_GATHER_H

#include <stdint.h>

typedef struct {
  int32_t batch, outer, extent, count, bytes;
} itr_gather_params;

typedef itr_gather_params itr_gather_table_params;

void itr_gather__scalar(const itr_gather_params *p, const void *in, const int32_t *indices,
                        void *out);

/* The same for a constant table. */
void itr_gather_table__scalar(const itr_gather_table_params *p, const int32_t *indices,
                              const void *table, void *out);

#endif
