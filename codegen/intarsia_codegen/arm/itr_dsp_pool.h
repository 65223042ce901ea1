// SPDX-License-Identifier: Apache-2.0
/* Pooling of int8 feature maps, four channels at a time. */
#ifndef ITR_DSP_POOL_H
#define ITR_DSP_POOL_H

#include <stdint.h>

typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w;
  int32_t minimum, maximum;
  int32_t offset; /* average only: as in intarsia/average_pool_2d.h */
  /* Packed averages of windows of `cells` cells: (sum * factor + term) >> 16, counted from the
   * lowest code. */
  int32_t cells, factor, term;
} itr_dsp_pool;

/* At least four channels, and for averages at most 255 columns in a window; `out` may not overlap
 * `in`. */
void itr_dsp_average_pool(const itr_dsp_pool *layer, const int8_t *in, int8_t *out);
void itr_dsp_max_pool(const itr_dsp_pool *layer, const int8_t *in, int8_t *out);

/* Packed codes of 4 and 2 bits: `in_c` are the bytes of a pixel. The sums of averages, of codes
 * counted from the lowest one, fit 16 bits. */
void itr_dsp_average_pool_4(const itr_dsp_pool *layer, const int8_t *in, int8_t *out);
void itr_dsp_average_pool_2(const itr_dsp_pool *layer, const int8_t *in, int8_t *out);
void itr_dsp_max_pool_4(const itr_dsp_pool *layer, const int8_t *in, int8_t *out);
void itr_dsp_max_pool_2(const itr_dsp_pool *layer, const int8_t *in, int8_t *out);

#endif
