// SPDX-License-Identifier: Apache-2.0
/* Depthwise 3x3 convolution over planes (itr_dsp_depthwise.h) in branches of patches. */
#ifndef ITR_DSP_DEPTHWISE_BRANCH_H
#define ITR_DSP_DEPTHWISE_BRANCH_H

#include "itr_dsp_depthwise.h"
#include "itr_dsp_extent.h"

/* Outputs of four channels; assembler reads it. */
typedef struct {
  const char *code;  /* assembler that is jumped to */
  int32_t pixel;     /* bytes from one output to the next */
  int32_t second;    /* bytes from a row to the second of a pair; 0 if there is one row only */
  int32_t out_pitch; /* bytes from one row of outputs to the next */
  int32_t columns, rows;
  int32_t plane; /* bytes of a plane */
} itr_dsp_rows;

typedef struct {
  /* Transpositions of rows without and with a left border that end with a pair of pixels, with one
   * pixel and the border, with the border alone; NULL where no branch has them. */
  const char *planes[2][3];
  itr_dsp_depthwise_bytes bytes;
  const itr_dsp_depthwise_run *runs;
  int32_t run_count;
  int32_t pitch, plane; /* bytes of a row of a plane and of a plane */
  uint32_t border;      /* a pixel of zero points */
  uint32_t zeros;       /* two zero points */
  int32_t stride;
  int32_t strip; /* most output rows that are computed at a time */
} itr_dsp_depthwise_branches;

/* Scratch: four planes. `out` may be `in` if one strip makes the whole output, the output is as
 * large as the input and the channels are a multiple of four. */
void itr_dsp_depthwise_planar_branch(const itr_dsp_depthwise_branches *layer,
                                     const itr_dsp_extent *extent, const int8_t *in, int8_t *out,
                                     void *scratch);

/* Four channels of a strip. */
void itr_dsp_depthwise_rows(const void *planes, int8_t *out, const int32_t *stream,
                            const itr_dsp_rows *rows);

#endif
