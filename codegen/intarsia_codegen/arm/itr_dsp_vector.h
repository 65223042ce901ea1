// SPDX-License-Identifier: Apache-2.0
/* Matrix times vector: fully connected layers. */
#ifndef ITR_DSP_VECTOR_H
#define ITR_DSP_VECTOR_H

#include <stdint.h>

#include "itr_dsp_gemm.h"

typedef struct {
  const itr_dsp_run *runs;
  int32_t run_count;
  itr_dsp_pack pack; /* of one vector */
  int32_t batch, columns, units;
} itr_dsp_vector;

/* Scratch: the buffer, then the units rounded up to a multiple of four if they are none. */
void itr_dsp_vector_multiply(const itr_dsp_vector *layer, const int8_t *in, int8_t *out,
                             void *scratch);

#endif
