// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <string.h>

#include "intarsia/depthwise_conv_2d.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/packed.h"
#include "intarsia/window.h"

/* Where one output pixel's window lies. Row y of the image is at base + (y modulo limit) rows:
 * `base` is the image itself, or a ring of its last rows. */
typedef struct {
  const uint8_t *base;
  int32_t limit, row, left;
  itr_taps rows, columns;
} window;

/* Copies rows [first, end) of the image into the ring, before anything overwrites them. */
static void keep_rows(uint8_t *ring, const uint8_t *image, int32_t first, int32_t end,
                      int32_t limit, size_t row_bytes) {
  for (int32_t y = first; y < end; y++) {
    memcpy(ring + (size_t)(y % limit) * row_bytes, image + (size_t)y * row_bytes, row_bytes);
  }
}

/* Adds one tap, a pixel x and its weights w, to the sums of output channels [first, first + count).
 */
static void add_tap(const itr_depthwise_conv_2d_packed_params *p, const uint8_t *x,
                    const uint8_t *w, int32_t first, int32_t count, int32_t *sums) {
  int16_t factors[ITR_PACKED_BLOCK];
  w += itr_packed_bytes(first, p->weights_bits);
  itr_unpack(w, count, p->weights_bits, p->weights_zero, factors);
  if (p->multiplier == 1) {
    x += itr_packed_bytes(first, p->in_bits);
    itr_packed_add(x, count, p->in_bits, p->in_zero, factors, sums);
    return;
  }
  for (int32_t i = 0; i < count; i++) {
    const int32_t source = (first + i) / p->multiplier;
    sums[i] += (itr_packed_load(x, source, p->in_bits) - p->in_zero) * factors[i];
  }
}

/* Adds the taps inside the input to the sums of output channels [first, first + count). */
static void add_window(const itr_depthwise_conv_2d_packed_params *p, const window *at,
                       const uint8_t *weights, int32_t first, int32_t count, int32_t *sums) {
  const int32_t in_run = itr_packed_bytes(p->in_c, p->in_bits);
  const int32_t weights_run = itr_packed_bytes(p->in_c * p->multiplier, p->weights_bits);
  int32_t row = at->row;
  for (int32_t ky = at->rows.first; ky < at->rows.last; ky++) {
    for (int32_t kx = at->columns.first; kx < at->columns.last; kx++) {
      const uint8_t *x = at->base + (row * p->in_w + at->left + kx * p->dilation_w) * in_run;
      const uint8_t *w = weights + (ky * p->kernel_w + kx) * weights_run;
      add_tap(p, x, w, first, count, sums);
    }
    row += p->dilation_h;
    row -= row >= at->limit ? at->limit : 0;
  }
}

static void pixel(const itr_depthwise_conv_2d_packed_params *p, const window *at,
                  const uint8_t *weights, const int32_t *bias, const int32_t *multiplier,
                  const int8_t *shift, uint8_t *out) {
  const int32_t channels = p->in_c * p->multiplier;
  int32_t sums[ITR_PACKED_BLOCK];
  for (int32_t first = 0; first < channels; first += ITR_PACKED_BLOCK) {
    const int32_t count = channels - first < ITR_PACKED_BLOCK ? channels - first : ITR_PACKED_BLOCK;
    memcpy(sums, bias + first, (size_t)count * sizeof *sums);
    add_window(p, at, weights, first, count, sums);
    for (int32_t i = 0; i < count; i++) {
      const int32_t code = itr_scale(sums[i], multiplier[first + i], shift[first + i]);
      itr_packed_append(out, first + i, p->out_bits,
                        itr_clamp(code + p->out_zero, p->minimum, p->maximum));
    }
  }
}

void itr_depthwise_conv_2d_packed__scalar(const itr_depthwise_conv_2d_packed_params *p,
                                          const void *in, const uint8_t *weights,
                                          const int32_t *bias, const int32_t *multiplier,
                                          const int8_t *shift, void *out, void *scratch) {
  const int32_t row_bytes = p->in_w * itr_packed_bytes(p->in_c, p->in_bits);
  const int32_t out_run = itr_packed_bytes(p->in_c * p->multiplier, p->out_bits);
  const int32_t reach = (p->kernel_h - 1) * p->dilation_h + 1;
  uint8_t *target = out;
  for (int32_t n = 0; n < p->batch; n++) {
    const uint8_t *image = (const uint8_t *)in + n * p->in_h * row_bytes;
    window at = {.base = scratch != NULL ? scratch : image,
                 .limit = scratch != NULL ? reach : p->in_h};
    int32_t kept = 0;
    for (int32_t y = 0; y < p->out_h; y++) {
      const int32_t top = y * p->stride_h - p->pad_top;
      at.rows = itr_taps_inside(top, p->kernel_h, p->dilation_h, p->in_h);
      at.row = (top + at.rows.first * p->dilation_h) % at.limit;
      if (scratch != NULL) {
        const int32_t end = itr_clamp(top + reach, kept, p->in_h);
        keep_rows(scratch, image, kept, end, reach, (size_t)row_bytes);
        kept = end;
      }
      for (int32_t x = 0; x < p->out_w; x++) {
        at.left = x * p->stride_w - p->pad_left;
        at.columns = itr_taps_inside(at.left, p->kernel_w, p->dilation_w, p->in_w);
        pixel(p, &at, weights, bias, multiplier, shift, target);
        target += out_run;
      }
    }
  }
}
