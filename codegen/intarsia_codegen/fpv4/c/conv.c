// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/real.h"
#include "itr_fpv4_conv.h"

enum { PIXELS = 4, CHANNELS = 4 };

void ITR_FUNCTION(const void *in, void *out, void *scratch, const itr_fpv4_conv *s);
void ITR_SEVERAL(const void *const *x, const void *w, int32_t pairs, float *sums);
void ITR_SINGLE(const void *const *x, const void *w, int32_t pairs, float *sums);

static void put(itr_real *out, const itr_real *in, int32_t count) {
  memcpy(out, in, (size_t)count * sizeof(itr_real));
}

static void blank(itr_real *out, int32_t count) {
  memset(out, 0, (size_t)count * sizeof(itr_real));
}

/* The row `iy` of a window whose first column is `left`; cells outside the image are 0. */
static void window_row(itr_real *out, const itr_real *image, const itr_fpv4_conv *s, int32_t iy,
                       int32_t left) {
  const itr_real *line = image + iy * s->in_w * s->in_c;
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
static const itr_real *window_of(itr_real *window, const itr_real *image, const itr_fpv4_conv *s,
                                 int32_t pixel) {
  const int32_t y = pixel / s->out_w;
  const int32_t x = pixel - y * s->out_w;
  if (s->direct) {
    return image + (y * s->stride_h * s->in_w + x * s->stride_w) * s->in_c;
  }
  const int32_t top = y * s->stride_h - s->pad_top;
  const int32_t left = x * s->stride_w - s->pad_left;
  itr_real *row = window;
  for (int32_t ky = 0; ky < s->kernel_h; ky++, row += s->kernel_w * s->in_c) {
    window_row(row, image, s, top + ky * s->dilation_h, left);
  }
  blank(row, (int32_t)(window + 2 * s->pairs - row));
  return window;
}

/* Outputs of one pixel for up to four channels. */
static void finish(itr_real *out, const float *sums, const float *bias, int32_t count,
                   const itr_fpv4_conv *s) {
  for (int32_t c = 0; c < count; c++) {
    const float sum = sums[c] + bias[c];
    out[c] = itr_real_put(sum < s->minimum ? s->minimum : sum > s->maximum ? s->maximum : sum);
  }
}

/* `count` pixels, PIXELS or 1, by four channels after the other. */
static void multiply(const void *const *windows, int32_t count, itr_real *out,
                     const itr_fpv4_conv *s) {
  const itr_real *w = s->weights;
  float sums[PIXELS * CHANNELS];
  for (int32_t c = 0; c < s->out_c; c += CHANNELS, w += 2 * s->pairs * CHANNELS) {
    const int32_t channels = s->out_c - c < CHANNELS ? s->out_c - c : CHANNELS;
    if (count == PIXELS) {
      ITR_SEVERAL(windows, w, s->pairs, sums);
    } else {
      ITR_SINGLE(windows, w, s->pairs, sums);
    }
    for (int32_t k = 0; k < count; k++) {
      finish(out + k * s->out_c + c, sums + k * CHANNELS, s->bias + c, channels, s);
    }
  }
}

void ITR_FUNCTION(const void *in, void *out, void *scratch, const itr_fpv4_conv *s) {
  const int32_t pixels = s->out_h * s->out_w;
  itr_real *o = out;
  int32_t i = 0;
  for (; i + PIXELS <= pixels; i += PIXELS, o += PIXELS * s->out_c) {
    const void *windows[PIXELS];
    for (int32_t k = 0; k < PIXELS; k++) {
      windows[k] = window_of((itr_real *)scratch + k * 2 * s->pairs, in, s, i + k);
    }
    multiply(windows, PIXELS, o, s);
  }
  for (; i < pixels; i++, o += s->out_c) {
    const void *window = window_of(scratch, in, s, i);
    multiply(&window, 1, o, s);
  }
}
