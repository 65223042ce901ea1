// SPDX-License-Identifier: Apache-2.0
/* Convolutions as matrix products, four output pixels at a time: drivers that layers share. Feature
 * maps of 4 bits lie packed (intarsia/packed.h) in whole bytes. */
#ifndef ITR_DSP_CONV_H
#define ITR_DSP_CONV_H

#include <stdint.h>

#include "itr_dsp_gemm.h"

typedef struct {
  const itr_dsp_run *runs;
  int32_t run_count;
  itr_dsp_pack pack; /* no code: depthwise, nothing is packed */
  int32_t batch, in_h, in_w;
  int32_t in_c; /* bytes of an input pixel */
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_top, pad_left, out_h, out_w;
  int32_t out_c;       /* bytes of an output pixel */
  int32_t in_zero;     /* byte of input zero points */
  const int8_t *fixed; /* codes of a pixel, for channels that no run computes; or NULL */
  int32_t row_bytes;   /* of the rows that windows are read from, padding included */
  int32_t strip;       /* output rows per strip of padded rows */
} itr_dsp_conv;

/* Windows that lie inside the input.
 * Scratch: the buffer, then 4 * out_c bytes if an image has less than four output pixels. */
void itr_dsp_conv_direct(const itr_dsp_conv *layer, const int8_t *in, int8_t *out, void *scratch);

/* Windows that reach over the border: rows are copied with padding, a strip at a time.
 * Scratch: the same, then the rows of a strip. */
void itr_dsp_conv_padded(const itr_dsp_conv *layer, const int8_t *in, int8_t *out, void *scratch);

/* Any window: it is gathered value by value.
 * Scratch: the same, then four windows of pack.words words. */
void itr_dsp_conv_gathered(const itr_dsp_conv *layer, const int8_t *in, int8_t *out, void *scratch);

/* `pixels` outputs of whole rows, windows starting at `rows`. */
void itr_dsp_conv_rows(const itr_dsp_conv *layer, const int8_t *rows, int32_t pixels, int8_t *out,
                       uint32_t *buffer);

/* Bytes behind the buffer that belong to images of less than four output pixels. */
static inline int32_t itr_dsp_conv_spare_bytes(const itr_dsp_conv *layer) {
  return layer->out_h * layer->out_w < 4 ? 4 * layer->out_c : 0;
}

#endif
