// SPDX-License-Identifier: Apache-2.0
/* 3x3 convolutions of stride 1 by Winograd's F(2x2, 3x3), four tiles of 2x2 outputs at a time. */
#ifndef ITR_DSP_WINOGRAD_H
#define ITR_DSP_WINOGRAD_H

#include <stdint.h>

/* Output channels that are requantized by the same code. */
typedef struct {
  const int32_t
      *stream;        /* transformed weights, biases, requantization constants; assembler reads */
  const int32_t *end; /* the fields up to `column` in this order */
  int32_t row;        /* bytes from one output row to the next */
  int32_t column;     /* the same for columns */
  int32_t first;      /* output channel */
  void (*multiply)(const uint32_t *tiles, const void *run, int8_t *out);
} itr_dsp_winograd_run;

typedef struct {
  void (*tiles)(const uint32_t *columns, uint32_t *tiles);
  const itr_dsp_winograd_run *runs;
  int32_t run_count;
  int32_t batch, in_h, in_w, in_c, pad_top, pad_left, out_h, out_w, out_c, in_zero;
} itr_dsp_winograd;

/* Each of four rows of `words` words, transformed column by column. */
void itr_dsp_winograd_columns(const int8_t *const rows[4], uint32_t *columns, int32_t words);

/* out_h >= 2, out_w >= 8; `in` and `out` do not overlap.
 * Scratch: 8 * (out_w + 2) * in_c bytes for columns, 128 * in_c for tiles, then four rows with
 * padding, (out_w + 2) * in_c bytes each. */
void itr_dsp_winograd_conv(const itr_dsp_winograd *layer, const int8_t *in, int8_t *out,
                           void *scratch);

#endif
