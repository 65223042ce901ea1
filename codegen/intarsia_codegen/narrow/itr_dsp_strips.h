// SPDX-License-Identifier: Apache-2.0
/* Layers over packed feature maps by kernels for int8: a strip of rows at a time is unpacked and
 * its outputs are packed. Maps of 8 bits are used where they lie. */
#ifndef ITR_DSP_STRIPS_H
#define ITR_DSP_STRIPS_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c;
  int32_t reach_h, stride_h, pad_top; /* of windows, in rows */
  int32_t in_bits, out_bits;
  int32_t strip;     /* output rows per strip */
  int32_t in_bytes;  /* room for unpacked rows */
  int32_t out_bytes; /* room for outputs before they are packed */
} itr_dsp_strip_layer;

typedef struct {
  itr_dsp_strip_layer layer;
  const uint8_t *image;
  uint8_t *out;
  uint8_t *scratch;
  int32_t n, y; /* image and first output row of the next strip */
  /* The strip that is to be computed: */
  int32_t in_h, pad_top, out_h;
  const int8_t *rows;
  int8_t *results;
  void *rest; /* scratch that is left */
} itr_dsp_strips;

/* Before the first strip. Scratch: in_bytes, then out_bytes, then that of the int8 kernel. */
void itr_dsp_strips_begin(itr_dsp_strips *s, const void *in, void *out, void *scratch);

/* Finishes the strip before and prepares the next; 0 when there is none. */
int32_t itr_dsp_strips_next(itr_dsp_strips *s);

/* `runs` runs of `count` codes (intarsia/packed.h) to int8 without gaps, and back. */
void itr_dsp_unpack(const uint8_t *in, int32_t runs, int32_t count, int32_t bits, int8_t *out);
void itr_dsp_pack(const int8_t *in, int32_t runs, int32_t count, int32_t bits, uint8_t *out);

/* Words of eight codes of 4 bits to int8 and back; words > 0. */
void itr_dsp_unpack_words4(const uint8_t *in, int8_t *out, int32_t words);
void itr_dsp_pack_words4(const int8_t *in, uint8_t *out, int32_t words);

#endif
