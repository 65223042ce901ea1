// SPDX-License-Identifier: Apache-2.0
#include <stddef.h>
#include <string.h>

#include "intarsia/conv_2d.h"
#include "intarsia/dot.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/window.h"

/* Where one output pixel's window lies, and which of its taps are inside the input. */
typedef struct {
  const int8_t *image;
  int32_t top, left;
  itr_taps rows, columns;
} window;

/* Adds the sums over the taps inside the input for two output channels; taps that lie side by side
 * in memory are one product. */
static void add_window(const itr_conv_2d_s8_s8_params *p, const window *at, const int8_t *w,
                       const int8_t *v, int32_t sums[2]) {
  const int32_t joined = p->dilation_w == 1 ? at->columns.last - at->columns.first : 1;
  for (int32_t ky = at->rows.first; ky < at->rows.last; ky++) {
    const int8_t *line = at->image + (at->top + ky * p->dilation_h) * p->in_w * p->in_c;
    for (int32_t kx = at->columns.first; kx < at->columns.last; kx += joined) {
      const int8_t *x = line + (at->left + kx * p->dilation_w) * p->in_c;
      const int32_t tap = (ky * p->kernel_w + kx) * p->in_c;
      itr_dot2_s8(x, w + tap, v + tap, joined * p->in_c, p->in_zero, p->weights_zero, sums);
    }
  }
}

void itr_conv_2d_s8_s8__scalar(const itr_conv_2d_s8_s8_params *p, const int8_t *in,
                               const int8_t *weights, const int32_t *bias,
                               const int32_t *multiplier, const int8_t *shift, int8_t *out,
                               void *scratch) {
  const int32_t taps = p->kernel_h * p->kernel_w * p->in_c;
  for (int32_t n = 0; n < p->batch; n++) {
    window at = {.image = in + n * p->in_h * p->in_w * p->in_c};
    for (int32_t y = 0; y < p->out_h; y++) {
      at.top = y * p->stride_h - p->pad_top;
      at.rows = itr_taps_inside(at.top, p->kernel_h, p->dilation_h, p->in_h);
      for (int32_t x = 0; x < p->out_w; x++) {
        at.left = x * p->stride_w - p->pad_left;
        at.columns = itr_taps_inside(at.left, p->kernel_w, p->dilation_w, p->in_w);
        window pixel = at;
        if (scratch != NULL) { /* in place: this pixel is overwritten while it is still read */
          const int8_t *source = at.image + (y * p->in_w + x) * p->in_c;
          pixel = (window){memcpy(scratch, source, (size_t)p->in_c), 0, 0, {0, 1}, {0, 1}};
        }
        for (int32_t o = 0; o < p->out_c; o += 2) {
          const int32_t pair = o + 1 < p->out_c ? 2 : 1;
          const int8_t *w = weights + o * taps;
          int32_t sums[2] = {bias[o], bias[o + pair - 1]};
          add_window(p, &pixel, w, w + (pair - 1) * taps, sums);
          for (int32_t k = 0; k < pair; k++) {
            const int32_t code = itr_scale(sums[k], multiplier[o + k], shift[o + k]) + p->out_zero;
            *out++ = (int8_t)itr_clamp(code, p->minimum, p->maximum);
          }
        }
      }
    }
  }
}
