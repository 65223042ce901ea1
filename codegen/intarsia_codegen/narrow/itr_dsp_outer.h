// SPDX-License-Identifier: Apache-2.0
/* Convolutions below 8 bits as outer products, several output pixels at a time.
 *
 * Labels of assembler code are declared as arrays: they are jumped to, never called. */
#ifndef ITR_DSP_OUTER_H
#define ITR_DSP_OUTER_H

#include <stdint.h>

#include "intarsia/conv_2d.h"

enum { ITR_DSP_OUTER_GROUPS = 3, ITR_DSP_OUTER_PIXELS = 9 };

/* What the assembler reads, in this order. */
typedef struct {
  int32_t pitch;          /* bytes between output pixels */
  const int32_t *end;     /* of the stream */
  const char *flush;      /* code that takes over with the products of a chunk */
  const char *requantize; /* code that takes over with the sums; after one chunk: as `other` */
  const char *other;      /* code that takes turns with it */
  int32_t chunks;
  const char *multiply;
  const int32_t *stream;
  int32_t first; /* byte in the output pixel (not read by assembler) */
} itr_dsp_outer_run;

/* What the assembler reads of neighbouring pixels, in this order. */
typedef struct {
  int32_t words, bytes;   /* of a pixel */
  uint32_t start, excess; /* of sums, in every field, and of the stored weights */
} itr_dsp_neighbours;

/* Expands a block of neighbouring pixels of whole words; what their sums start from comes first. */
typedef void itr_dsp_expand_neighbours(const uint8_t *pixels, uint32_t *words,
                                       const itr_dsp_neighbours *shape);

itr_dsp_expand_neighbours itr_dsp_expand_4x2_14_neighbours;
itr_dsp_expand_neighbours itr_dsp_expand_2x3_10_neighbours;

typedef struct {
  const itr_dsp_outer_run *runs; /* neighbouring channels each */
  int32_t run_count;
  const int8_t *fixed; /* codes of a pixel, for channels that no run computes; or NULL */
  const char *expand;
  itr_dsp_expand_neighbours *neighbours; /* NULL where sums have several starts */
  itr_dsp_neighbours block;
  int32_t pitch;     /* bytes of an output pixel before it is copied */
  int32_t lanes;     /* pixels per activation word */
  int32_t codes;     /* per word of a packed pixel */
  int32_t run_bytes; /* of an input pixel */
  int32_t words;     /* of an input pixel, rounded up */
  int32_t segment;   /* words that are expanded at a time */
  int32_t chunk;     /* segments per chunk */
  int32_t out_bytes; /* of an output pixel */
  int32_t detour;    /* whether pairs of channels do not end with the pixel */
  int32_t zero;      /* byte of input zero points */
  uint32_t excess;   /* of the stored weights */
  uint32_t start;    /* of sums, in every field: excess * largest code * codes of a word */
  uint32_t lead;     /* of sums of all chunks in the same fields, in every field; or 0 */
  int32_t buffer;    /* bytes of the buffer */
} itr_dsp_outer;

/* Scratch: the buffer, then ITR_DSP_OUTER_PIXELS outputs of pitch bytes, then 1 +
 * ITR_DSP_OUTER_PIXELS input pixels of `words` words. */
void itr_dsp_outer_conv(const itr_dsp_outer *layer, const itr_conv_2d_packed_params *p,
                        const void *in, void *out, void *scratch);

/* out[pixel * pitch] and on from the activations in the buffer. */
void itr_dsp_outer_product(const void *buffer, const itr_dsp_outer_run *run, uint8_t *out);

/* Expands `count` words of as many pixels as the code takes; returns the sum of the words made. */
uint32_t itr_dsp_expand(const uint8_t *const *pixels, uint32_t *words, int32_t count,
                        const char *code);

#endif
