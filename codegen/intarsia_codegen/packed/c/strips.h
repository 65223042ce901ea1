// SPDX-License-Identifier: Apache-2.0
/* Layers over packed feature maps by kernels for int8: a strip of rows at a time is unpacked and
 * its outputs are packed. Maps of 8 bits are used where they lie. */
#ifndef ITR_WORD_STRIPS_H
#define ITR_WORD_STRIPS_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c;
  int32_t reach_h, stride_h, pad_top; /* of windows, in rows */
  int32_t in_bits, out_bits;
  int32_t strip;     /* output rows per strip */
  int32_t in_bytes;  /* room for unpacked rows */
  int32_t out_bytes; /* room for outputs before they are packed */
} itr_word_strip_layer;

typedef struct {
  itr_word_strip_layer layer;
  const uint8_t *image;
  uint8_t *out;
  uint8_t *scratch;
  int32_t n, y; /* image and first output row of the next strip */
  /* The strip that is to be computed: */
  int32_t in_h, pad_top, out_h;
  const int8_t *rows;
  int8_t *results;
  void *rest; /* scratch that is left */
} itr_word_strips;

/* Before the first strip. Scratch: in_bytes, then out_bytes, then that of the int8 kernel. */
void itr_word_strips_begin(itr_word_strips *s, const void *in, void *out, void *scratch);

/* Finishes the strip before and prepares the next; 0 when there is none. */
int32_t itr_word_strips_next(itr_word_strips *s);

#endif
