// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_vector.h"

#include <string.h>

void itr_dsp_vector_multiply(const itr_dsp_vector *layer, const int8_t *in, int8_t *out,
                             void *scratch) {
  int8_t *spare = (int8_t *)scratch + layer->runs[0].buffer_bytes;
  for (int32_t n = 0; n < layer->batch; n++) {
    int8_t word[4] = {0}; /* vectors that are shorter than a word */
    if (layer->columns < 4) {
      memcpy(word, in, (size_t)layer->columns);
    }
    itr_dsp_pack1(scratch, layer->columns < 4 ? word : in, &layer->pack);
    int8_t *target = layer->detour == 0 ? out : spare;
    for (int32_t r = 0; r < layer->run_count; r++) {
      itr_dsp_gemm(scratch, &layer->runs[r], target + layer->runs[r].first);
    }
    if (target != out) {
      memcpy(out, target, (size_t)layer->units);
    }
    in += layer->columns;
    out += layer->units;
  }
}
