// SPDX-License-Identifier: Apache-2.0
/* ADD of two feature maps of 4 or 2 bits by a table of all sums. */
#ifndef ITR_DSP_ADD_TABLE_H
#define ITR_DSP_ADD_TABLE_H

#include <stdint.h>

#include "intarsia/add.h"

typedef struct {
  const int8_t *table; /* output by four bits of a, and above them four bits of b */
  int32_t bits;        /* of the operands */
} itr_dsp_add_table;

/* `out` may be an operand. `scratch` is not used. */
void itr_dsp_add_by_table(const itr_dsp_add_table *layer, const itr_add_packed_params *p,
                          const void *a, const void *b, void *out, void *scratch);

/* The same for operands of 4 bits, runs of whole bytes, and outputs of a byte each. */
void itr_dsp_add_by_table_to_bytes(const itr_dsp_add_table *layer, const itr_add_packed_params *p,
                                   const void *a, const void *b, void *out, void *scratch);

#endif
