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
  int32_t batch;
  int32_t columns, units; /* bytes of a vector and of its outputs */
  int32_t detour;         /* whether four units at a time are more than these */
} itr_dsp_vector;

/* Scratch: the buffer, then with a detour as many bytes as all units take four at a time. */
void itr_dsp_vector_multiply(const itr_dsp_vector *layer, const int8_t *in, int8_t *out,
                             void *scratch);

#endif
