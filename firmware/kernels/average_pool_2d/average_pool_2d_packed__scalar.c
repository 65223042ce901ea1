// SPDX-License-Identifier: Apache-2.0
#include "intarsia/average_pool_2d.h"
#include "intarsia/packed.h"
#include "intarsia/window.h"

/* x / count rounded to nearest, ties away from zero; no window is without cells. */
static int32_t rounded_quotient(int32_t x, int32_t count) {
  return (x > 0 ? x + count / 2 : x - count / 2) / count; // NOLINT(clang-analyzer-core.DivideZero)
}

/* Sums of the codes of channels [first, first + count) over the cells inside the input. */
static void window_sum(const itr_average_pool_2d_packed_params *p, const uint8_t *corner,
                       int32_t height, int32_t width, int32_t first, int32_t count,
                       int32_t *results) {
  const int32_t run = itr_packed_bytes(p->in_c, p->in_bits);
  const int32_t skipped = itr_packed_bytes(first, p->in_bits);
  int16_t codes[ITR_PACKED_BLOCK];
  for (int32_t i = 0; i < count; i++) {
    results[i] = 0;
  }
  for (int32_t ky = 0; ky < height; ky++) {
    for (int32_t kx = 0; kx < width; kx++) {
      const uint8_t *cell = corner + (ky * p->in_w + kx) * run + skipped;
      itr_unpack(cell, count, p->in_bits, 0, codes);
      for (int32_t i = 0; i < count; i++) {
        results[i] += codes[i];
      }
    }
  }
}

void itr_average_pool_2d_packed__scalar(const itr_average_pool_2d_packed_params *p, const void *in,
                                        const int8_t *table, void *out) {
  const int32_t in_run = itr_packed_bytes(p->in_c, p->in_bits);
  uint8_t *pixel = out;
  for (int32_t i = 0; i < p->batch * p->out_h * p->out_w; i++) {
    const int32_t top = i / p->out_w % p->out_h * p->stride_h - p->pad_top;
    const int32_t left = i % p->out_w * p->stride_w - p->pad_left;
    const itr_taps rows = itr_taps_inside(top, p->kernel_h, 1, p->in_h);
    const itr_taps columns = itr_taps_inside(left, p->kernel_w, 1, p->in_w);
    const int32_t height = rows.last - rows.first;
    const int32_t width = columns.last - columns.first;
    const int32_t row = i / (p->out_w * p->out_h) * p->in_h + top + rows.first;
    const uint8_t *corner = (const uint8_t *)in + (row * p->in_w + left + columns.first) * in_run;
    for (int32_t first = 0; first < p->in_c; first += ITR_PACKED_BLOCK) {
      const int32_t rest = p->in_c - first;
      const int32_t count = rest < ITR_PACKED_BLOCK ? rest : ITR_PACKED_BLOCK;
      int32_t results[ITR_PACKED_BLOCK];
      window_sum(p, corner, height, width, first, count, results);
      for (int32_t c = 0; c < count; c++) {
        const int32_t sum = results[c] + p->offset * height * width;
        const int32_t average = rounded_quotient(sum, height * width) - p->offset;
        itr_packed_append(pixel, first + c, p->out_bits,
                          table[itr_packed_field(average, p->in_bits)]);
      }
    }
    pixel += itr_packed_bytes(p->in_c, p->out_bits);
  }
}
