// SPDX-License-Identifier: Apache-2.0
/* Depthwise 3x3 convolution: four channels at a time are transposed to planes of halfwords.
 *
 * Feature maps of 4 and 2 bits lie packed (intarsia/packed.h), in multiples of four channels. */
#ifndef ITR_DSP_DEPTHWISE_H
#define ITR_DSP_DEPTHWISE_H

#include <stdint.h>

/* How rows of the input become rows of the planes; assembler reads it. */
typedef struct {
  const char *code; /* assembler that is jumped to */
  int32_t pixel;    /* bytes from one pixel to the next */
  int32_t plane;    /* bytes of a plane */
  int32_t row_step; /* bytes from the pixel behind the last pair to the next row */
  int32_t skip;     /* bytes of a plane's row that are not written */
  int32_t pairs;    /* words of a row that two pixels make */
  uint32_t border;  /* a pixel of zero points */
} itr_dsp_planes_shape;

/* Channels [first, end), in groups of four, that are requantized alike. */
typedef struct {
  const int32_t *stream; /* weights, bias and requantization constants of each channel */
  const char *code;      /* assembler that is jumped to */
  int32_t channel_words; /* of the stream */
  int32_t first, end;
} itr_dsp_depthwise_run;

/* Bytes of a pixel and of four of its channels. */
typedef struct {
  int32_t in_pixel, in_group, out_pixel, out_group;
} itr_dsp_depthwise_bytes;

/* Byte where channel c, a multiple of four unless there is one per byte, lies in a pixel. */
static inline int32_t itr_dsp_depthwise_at(int32_t c, int32_t group) {
  return c * group / 4;
}

typedef struct {
  itr_dsp_planes_shape shape;
  itr_dsp_depthwise_bytes bytes;
  const itr_dsp_depthwise_run *runs;
  int32_t run_count;
  int32_t row_words; /* of a plane's row */
  uint32_t zeros;    /* two zero points */
  int32_t batch, in_h, in_w, out_h, out_w;
  int32_t stride, pad_top, strip; /* strip: output rows that are computed at a time */
} itr_dsp_depthwise_layer;

/* Scratch: four planes. `out` may be `in` if one strip makes the whole output, the output is as
 * large as the input and the channels are a multiple of four. */
void itr_dsp_depthwise_planar(const itr_dsp_depthwise_layer *layer, const int8_t *in, int8_t *out,
                              void *scratch);

/* Four channels of `rows` input rows, to rows of the planes. */
void itr_dsp_planes(const int8_t *in, void *planes, int32_t rows,
                    const itr_dsp_planes_shape *shape);

/* Four channels of a strip. */
void itr_dsp_depthwise(const void *planes, int8_t *out, const int32_t *stream, const char *code);

#endif
