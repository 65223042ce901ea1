// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <string.h>

#include "intarsia/depthwise_conv_2d.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/window.h"

/* Output channels whose sums are kept at once. */
#define BLOCK 32

/* Where one output pixel's window lies. Row y of the image is at base + (y modulo limit) rows:
 * `base` is the image itself, or a ring of its last rows. */
typedef struct {
  const int8_t *base;
  int32_t limit, row, left;
  itr_taps rows, columns;
} window;

/* Copies rows [first, end) of the image into the ring, before anything overwrites them. */
static void keep_rows(int8_t *ring, const int8_t *image, int32_t first, int32_t end, int32_t limit,
                      size_t row_bytes) {
  for (int32_t y = first; y < end; y++) {
    memcpy(ring + (size_t)(y % limit) * row_bytes, image + (size_t)y * row_bytes, row_bytes);
  }
}

/* Adds one tap to the sums of `count` output channels, the first of which is the `phase`-th made
 * from *x. */
static void add_tap(const itr_depthwise_conv_2d_s8_s8_params *p, const int8_t *x, const int8_t *w,
                    int32_t phase, int32_t count, int32_t *sums) {
  const int32_t x_zero = p->in_zero;
  const int32_t w_zero = p->weights_zero;
  if (p->multiplier == 1) {
    for (int32_t i = 0; i < count; i++) {
      sums[i] += (x[i] - x_zero) * (w[i] - w_zero);
    }
    return;
  }
  for (int32_t i = 0; i < count; i++) {
    sums[i] += (*x - x_zero) * (w[i] - w_zero);
    phase++;
    if (phase == p->multiplier) {
      phase = 0;
      x++;
    }
  }
}

/* Adds the taps inside the input to the sums of output channels [first, first + count). */
static void add_window(const itr_depthwise_conv_2d_s8_s8_params *p, const window *at,
                       const int8_t *weights, int32_t first, int32_t count, int32_t *sums) {
  const int32_t channels = p->in_c * p->multiplier;
  const int32_t source = first / p->multiplier;
  const int32_t phase = first - source * p->multiplier;
  int32_t row = at->row;
  for (int32_t ky = at->rows.first; ky < at->rows.last; ky++) {
    const int32_t line = row * p->in_w + at->left;
    for (int32_t kx = at->columns.first; kx < at->columns.last; kx++) {
      const int8_t *x = at->base + (line + kx * p->dilation_w) * p->in_c + source;
      const int8_t *w = weights + (ky * p->kernel_w + kx) * channels + first;
      add_tap(p, x, w, phase, count, sums);
    }
    row += p->dilation_h;
    row -= row >= at->limit ? at->limit : 0;
  }
}

static int8_t *pixel(const itr_depthwise_conv_2d_s8_s8_params *p, const window *at,
                     const int8_t *weights, const int32_t *bias, const int32_t *multiplier,
                     const int8_t *shift, int8_t *out) {
  const int32_t channels = p->in_c * p->multiplier;
  int32_t sums[BLOCK];
  for (int32_t first = 0; first < channels; first += BLOCK) {
    const int32_t count = channels - first < BLOCK ? channels - first : BLOCK;
    memcpy(sums, bias + first, (size_t)count * sizeof *sums);
    add_window(p, at, weights, first, count, sums);
    for (int32_t i = 0; i < count; i++) {
      const int32_t code = itr_scale(sums[i], multiplier[first + i], shift[first + i]);
      *out++ = (int8_t)itr_clamp(code + p->out_zero, p->minimum, p->maximum);
    }
  }
  return out;
}

void itr_depthwise_conv_2d_s8_s8__scalar(const itr_depthwise_conv_2d_s8_s8_params *p,
                                         const int8_t *in, const int8_t *weights,
                                         const int32_t *bias, const int32_t *multiplier,
                                         const int8_t *shift, int8_t *out, void *scratch) {
  const int32_t row_bytes = p->in_w * p->in_c;
  const int32_t reach = (p->kernel_h - 1) * p->dilation_h + 1;
  for (int32_t n = 0; n < p->batch; n++) {
    const int8_t *image = in + n * p->in_h * row_bytes;
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
        out = pixel(p, &at, weights, bias, multiplier, shift, out);
      }
    }
  }
}
