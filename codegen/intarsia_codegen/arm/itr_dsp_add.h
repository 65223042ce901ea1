// SPDX-License-Identifier: Apache-2.0
/* Elementwise addition of int8 feature maps. */
#ifndef ITR_DSP_ADD_H
#define ITR_DSP_ADD_H

#include <stdint.h>

/* Assembler reads all fields but the last. */
typedef struct {
  const char *code;   /* assembler that is jumped to */
  int32_t bytes;      /* of whole blocks of eight */
  uint32_t low, high; /* limits, repeated in four bytes */
  int32_t d, a, b, c; /* constants of the line */
  int32_t rest;       /* elements behind the last whole block */
} itr_dsp_add_layer;

/* `out` may be `a` or `b`. */
void itr_dsp_add(const itr_dsp_add_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);

/* Whole blocks, at least one. */
void itr_dsp_add_blocks(const int8_t *a, const int8_t *b, int8_t *out,
                        const itr_dsp_add_layer *layer);

#endif
