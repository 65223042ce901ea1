// SPDX-License-Identifier: Apache-2.0
/* 3x3 windows of stride 1 below 8 bits as products of polynomials, an output row at a time.
 *
 * Labels of assembler code are declared as arrays: they are jumped to, never called. */
#ifndef ITR_DSP_POLY_H
#define ITR_DSP_POLY_H

#include <stdint.h>

#include "intarsia/conv_2d.h"

enum { ITR_DSP_POLY_LANES = 3, ITR_DSP_POLY_BLOCKS = 3, ITR_DSP_POLY_ROWS = 3 };

typedef struct {
  const char *multiply;
  const char *expand;
  const char *finish;
  const int32_t *weights;   /* channel by channel, weight_words each */
  const int32_t *constants; /* pair_words for two channels: multipliers and offsets, second lines */
  int32_t pair_words;
  int32_t weight_words;
  int32_t chunks;
  int32_t lanes;     /* pixels per activation word */
  int32_t spacing;   /* bits between them */
  int32_t codes;     /* per word of a packed pixel */
  int32_t run_bytes; /* of an input pixel */
  int32_t words;     /* of an input pixel, rounded up */
  int32_t part;      /* words that are expanded at a time */
  int32_t channels;  /* output channels, rounded up to whole bytes */
  int32_t out_bits;
  int32_t out_bytes; /* of an output pixel */
  int32_t pitch;     /* of an output pixel before it is copied */
  int32_t zero;      /* byte of input zero points */
  int32_t excess;    /* of the stored weights */
  int32_t whole;     /* whether a window is one chunk */
  int32_t lead;      /* of its fields */
} itr_dsp_poly;

/* What the assembler reads, in this order. */
typedef struct {
  const uint32_t *rows[ITR_DSP_POLY_ROWS];
  const int32_t *weights;
  uint32_t *sums;
  int32_t groups, chunks;
  const char *code;
  const uint32_t *start; /* of the sums */
  int32_t sum_words;     /* a multiple of 8 */
  const uint32_t *first; /* what products start from, three blocks at a time */
} itr_dsp_poly_work;

void itr_dsp_poly_conv(const itr_dsp_poly *layer, const itr_conv_2d_packed_params *p,
                       const void *in, void *out, void *scratch);

/* Adds the products of one row and output channel to the sums. */
void itr_dsp_poly_row(const itr_dsp_poly_work *work);

/* Outputs of a row of two channels from their sums, `slots` blocks. */
void itr_dsp_poly_finish(const uint32_t *first, const uint32_t *second, uint8_t *out,
                         const int32_t *constants, int32_t pitch, int32_t slots, const char *code);

uint32_t itr_dsp_expand(const uint8_t *const *pixels, uint32_t *words, int32_t count,
                        const char *code);

#endif
