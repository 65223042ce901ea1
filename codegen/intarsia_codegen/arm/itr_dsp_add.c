// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_add.h"

#include <string.h>

enum { BLOCK = 8 };

void itr_dsp_add(const itr_dsp_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out) {
  if (layer->bytes > 0) {
    itr_dsp_add_blocks(a, b, out, layer);
  }
  if (layer->rest > 0) {
    /* What is left takes a detour, so that nothing behind the operands is read. */
    itr_dsp_add_layer last = *layer;
    int8_t x[BLOCK] = {0};
    int8_t y[BLOCK] = {0};
    last.bytes = BLOCK;
    memcpy(x, a + layer->bytes, (size_t)layer->rest);
    memcpy(y, b + layer->bytes, (size_t)layer->rest);
    itr_dsp_add_blocks(x, y, x, &last);
    memcpy(out + layer->bytes, x, (size_t)layer->rest);
  }
}
