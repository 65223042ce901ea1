// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "itr_rvvf_conv.h"

enum { PIXELS = ITR_PIXELS };

void ITR_FUNCTION(const void *in, void *out, void *scratch, const itr_rvvf_conv *s);

static void put(real *out, const real *in, int32_t count) {
  memcpy(out, in, (size_t)count * sizeof(real));
}

static void blank(real *out, int32_t count) {
  memset(out, 0, (size_t)count * sizeof(real));
}

/* The row `iy` of a window whose first column is `left`; cells outside the image are 0. */
static void window_row(real *out, const real *image, const itr_rvvf_conv *s, int32_t iy,
                       int32_t left) {
  const real *line = image + iy * s->in_w * s->in_c;
  if (iy < 0 || iy >= s->in_h) {
    blank(out, s->kernel_w * s->in_c);
  } else if (s->dilation_w == 1 && left >= 0 && left + s->kernel_w <= s->in_w) {
    put(out, line + left * s->in_c, s->kernel_w * s->in_c);
  } else {
    for (int32_t kx = 0; kx < s->kernel_w; kx++, out += s->in_c) {
      const int32_t ix = left + kx * s->dilation_w;
      if (ix < 0 || ix >= s->in_w) {
        blank(out, s->in_c);
      } else {
        put(out, line + ix * s->in_c, s->in_c);
      }
    }
  }
}

/* Where the window of an output pixel lies: in the input itself, or in `window` after it was put
 * there. */
static const real *window_of(real *window, const real *image, const itr_rvvf_conv *s,
                             int32_t pixel) {
  const int32_t y = pixel / s->out_w;
  const int32_t x = pixel - y * s->out_w;
  if (s->direct) {
    return image + (y * s->stride_h * s->in_w + x * s->stride_w) * s->in_c;
  }
  const int32_t top = y * s->stride_h - s->pad_top;
  const int32_t left = x * s->stride_w - s->pad_left;
  for (int32_t ky = 0; ky < s->kernel_h; ky++) {
    window_row(window + ky * s->kernel_w * s->in_c, image, s, top + ky * s->dilation_h, left);
  }
  return window;
}

static void finish(real *out, sums sum, const itr_rvvf_conv *s, int32_t channel, size_t n) {
  const sums bias = __riscv_vle32_v_f32m8(s->bias + channel, n);
  store(out + channel, __riscv_vfadd_vv_f32m8(sum, bias, n), s->minimum, s->maximum, n);
}

ITR_BLOCKS

void ITR_FUNCTION(const void *in, void *out, void *scratch, const itr_rvvf_conv *s) {
  const int32_t pixels = s->out_h * s->out_w;
  real *o = out;
  int32_t i = 0;
  for (; i + PIXELS <= pixels; i += PIXELS, o += PIXELS * s->out_c) {
    const real *windows[PIXELS];
    for (int32_t k = 0; k < PIXELS; k++) {
      windows[k] = window_of((real *)scratch + k * s->depth, in, s, i + k);
    }
    several(windows, o, s);
  }
  for (; i < pixels; i++, o += s->out_c) {
    const real *window = window_of(scratch, in, s, i);
    single(&window, o, s);
  }
}
