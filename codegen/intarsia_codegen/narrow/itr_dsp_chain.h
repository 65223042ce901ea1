// SPDX-License-Identifier: Apache-2.0
/* Depthwise 3x3 windows of stride 1 below 8 bits as products of polynomials, two channels at a
 * time.
 *
 * Labels of assembler code are declared as arrays: they are jumped to, never called. */
#ifndef ITR_DSP_CHAIN_H
#define ITR_DSP_CHAIN_H

#include <stdint.h>

#include "intarsia/depthwise_conv_2d.h"

enum { ITR_DSP_CHAIN_LANES = 3, ITR_DSP_CHAIN_PAIR_WORDS = 14 };

typedef struct {
  const char *code;
  const int32_t *stream; /* ITR_DSP_CHAIN_PAIR_WORDS for two channels */
  int32_t pairs;         /* of channels: bytes of a pixel */
  int32_t pitch;         /* of a plane's row, in bytes */
  int32_t strip;         /* output rows at a time */
} itr_dsp_chain_layer;

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

/* Scratch: strip + 2 rows of a plane. */
void itr_dsp_chain_depthwise(const itr_dsp_chain_layer *layer,
                             const itr_depthwise_conv_2d_packed_params *p, const void *in,
                             void *out, void *scratch);

void itr_dsp_chain_expand(const uint8_t *in, uint8_t *plane, int32_t rows,
                          const itr_dsp_chain_columns *columns);

/* Outputs of two channels. */
void itr_dsp_chain(const uint8_t *plane, uint8_t *out, const int32_t *stream,
                   const itr_dsp_chain_rows *rows);

#endif
