// SPDX-License-Identifier: Apache-2.0
/* Pooling of NHWC feature maps. */
#ifndef ITR_MVE_POOL_H
#define ITR_MVE_POOL_H

#include <stdint.h>

/* `offset` is added to every code before averaging and taken off again. */
typedef struct {
  int32_t batch, in_h, in_w, in_c;
  int32_t kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_top, pad_left, out_h, out_w;
  int32_t minimum, maximum, offset;
} itr_mve_pool;

/* The part of a window that lies inside the image. */
typedef struct {
  const int8_t *first;
  int32_t rows, columns;
} itr_mve_cells;

static inline itr_mve_cells itr_mve_cells_of(const int8_t *image, const itr_mve_pool *s, int32_t y,
                                             int32_t x) {
  const int32_t top = y * s->stride_h - s->pad_top;
  const int32_t left = x * s->stride_w - s->pad_left;
  const int32_t row = top < 0 ? 0 : top;
  const int32_t column = left < 0 ? 0 : left;
  const int32_t bottom = top + s->kernel_h < s->in_h ? top + s->kernel_h : s->in_h;
  const int32_t right = left + s->kernel_w < s->in_w ? left + s->kernel_w : s->in_w;
  return (itr_mve_cells){image + (row * s->in_w + column) * s->in_c, bottom - row, right - column};
}

void itr_mve_average_pool(const int8_t *in, int8_t *out, const itr_mve_pool *s);
void itr_mve_max_pool(const int8_t *in, int8_t *out, const itr_mve_pool *s);

#endif
