// SPDX-License-Identifier: Apache-2.0
/* Matrix products in assembler: packing of activations, multiplication, requantization.
 *
 * Labels of assembler code are declared as arrays: they are jumped to, never called. */
#ifndef ITR_DSP_GEMM_H
#define ITR_DSP_GEMM_H

#include <stdint.h>

/* Output channels that are computed by the same code. */
typedef struct {
  const int32_t *stream;  /* biases, weights and requantization constants, channels in order */
  const int32_t *end;     /* of the stream */
  const char *multiply;   /* code */
  const char *entry;      /* where its unrolled loop is entered first; depthwise: offsets of taps */
  const char *requantize; /* code that takes over with the sums */
  int32_t pitch;          /* bytes between output pixels; depthwise: number of pairs of taps */
  int32_t buffer_bytes;   /* packed activations */
  int32_t first;          /* byte in the output pixel (not read by assembler) */
} itr_dsp_run;

/* How the windows of four pixels are packed. */
typedef struct {
  const char *code;
  int32_t words;   /* whole words of a segment */
  int32_t rows;    /* segments of a window */
  int32_t step;    /* from the end of a segment to the next, bytes */
  int32_t overlap; /* < 0: from the last whole word back to the word that ends the segment, bytes */
} itr_dsp_pack;

/* out[pixel * pitch + channel] for the pixels in the buffer and the channels of the run. */
void itr_dsp_gemm(const void *buffer, const itr_dsp_run *run, int8_t *out);

/* Packs four pixels, or one pixel of one segment. */
void itr_dsp_pack1(uint32_t *buffer, const int8_t *in, const itr_dsp_pack *pack);
void itr_dsp_pack4(uint32_t *buffer, const int8_t *const pixel[4], const itr_dsp_pack *pack);

#endif
