// SPDX-License-Identifier: Apache-2.0
/* Depthwise 3x3 windows below 8 bits as products of polynomials, two channels at a time.
 *
 * Labels of assembler code are declared as arrays: they are jumped to, never called. */
#ifndef ITR_DSP_CHAIN_H
#define ITR_DSP_CHAIN_H

#include <stdint.h>

#include "intarsia/depthwise_conv_2d.h"

enum { ITR_DSP_CHAIN_LANES = 3 };

/* What the assembler reads, in this order. */
typedef struct {
  int32_t pixel, three_pixels;
  int32_t row_step, plane_step; /* from behind a row to the next */
  int32_t blocks, left;         /* whole blocks of columns, columns of the last one */
} itr_dsp_chain_columns;

/* What the assembler reads, in this order. */
typedef struct {
  const char *code;
  int32_t pixel, out_pitch; /* bytes between outputs and between their rows */
  int32_t rows;
  int32_t beginning; /* outputs of the first block: 1 or 2 */
  int32_t middle;    /* bytes of blocks with three outputs */
  int32_t last;      /* outputs of a block behind them */
  int32_t tail;      /* outputs behind the last block */
} itr_dsp_chain_rows;

/* A byte of every pixel to the words of two channels. */
typedef void itr_dsp_chain_expansion(const uint8_t *in, uint8_t *plane, int32_t rows,
                                     const itr_dsp_chain_columns *columns);

/* Outputs of two channels. */
typedef void itr_dsp_chain_entry(const uint8_t *plane, uint8_t *out, const int32_t *stream,
                                 const itr_dsp_chain_rows *rows);

typedef struct {
  itr_dsp_chain_entry *entry;
  itr_dsp_chain_expansion *expand;
  const char *code;
  const int32_t *stream;
  int32_t pair_words; /* of the stream for two channels */
  int32_t pairs;      /* of channels: bytes of a pixel */
  int32_t pitch;      /* of a plane's row, in bytes */
  int32_t strip;      /* output rows at a time */
} itr_dsp_chain_layer;

/* For strides of 1 and 2. */
itr_dsp_chain_expansion itr_dsp_chain_expand;
itr_dsp_chain_expansion itr_dsp_chain2_expand;
itr_dsp_chain_entry itr_dsp_chain;
itr_dsp_chain_entry itr_dsp_chain2;

/* Scratch: the rows of a plane under `strip` rows of windows. */
void itr_dsp_chain_depthwise(const itr_dsp_chain_layer *layer,
                             const itr_depthwise_conv_2d_packed_params *p, const void *in,
                             void *out, void *scratch);

#endif
