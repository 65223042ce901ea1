// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "itr_mve_rows.h"
#include "itr_mvef_conv.h"
#include "itr_mvef_real.h"

enum { PIXELS = 3, BLOCK = 2 * LANES };

void ITR_FUNCTION(const void *in, void *out, void *scratch, const itr_mvef_conv *s);

static void zero(real *out, int32_t count) {
  itr_mve_fill((int8_t *)out, 0, count * (int32_t)sizeof(real));
}

static void copy(real *out, const real *in, int32_t count) {
  itr_mve_copy((int8_t *)out, (const int8_t *)in, count * (int32_t)sizeof(real));
}

/* The row `iy` of a window whose first column is `left`; cells outside the image are 0. */
static void window_row(real *out, const real *image, const itr_mvef_conv *s, int32_t iy,
                       int32_t left) {
  const real *line = image + iy * s->in_w * s->in_c;
  if (iy < 0 || iy >= s->in_h) {
    zero(out, s->kernel_w * s->in_c);
  } else if (s->dilation_w == 1 && left >= 0 && left + s->kernel_w <= s->in_w) {
    copy(out, line + left * s->in_c, s->kernel_w * s->in_c);
  } else {
    for (int32_t kx = 0; kx < s->kernel_w; kx++, out += s->in_c) {
      const int32_t ix = left + kx * s->dilation_w;
      if (ix < 0 || ix >= s->in_w) {
        zero(out, s->in_c);
      } else {
        copy(out, line + ix * s->in_c, s->in_c);
      }
    }
  }
}

/* Where the window of an output pixel lies: in the input itself, or in `window` after it was put
 * there. */
static const real *window_of(real *window, const real *image, const itr_mvef_conv *s,
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

/* Three pixels by one block of output channels after the other. */
static void multiply(const real *const pixels[PIXELS], real *out, int32_t pitch,
                     const itr_mvef_conv *s) {
  const reals minimum = all(s->minimum);
  const reals maximum = all(s->maximum);
  const real *w = s->weights;
  for (int32_t left = s->out_c; left > 0; left -= BLOCK, out += BLOCK) {
    const real *x0 = pixels[0];
    const real *x1 = pixels[1];
    const real *x2 = pixels[2];
    reals a0 = vld1q(w);
    reals a1 = vld1q(w + LANES);
    reals b0 = a0;
    reals b1 = a1;
    reals c0 = a0;
    reals c1 = a1;
    w += BLOCK;
    for (int32_t k = s->depth; k > 0; k--, w += BLOCK) {
      const reals w0 = vld1q(w);
      const reals w1 = vld1q(w + LANES);
      const real u = *x0++;
      const real v = *x1++;
      const real t = *x2++;
      a0 = vfmaq(a0, w0, u);
      a1 = vfmaq(a1, w1, u);
      b0 = vfmaq(b0, w0, v);
      b1 = vfmaq(b1, w1, v);
      c0 = vfmaq(c0, w0, t);
      c1 = vfmaq(c1, w1, t);
    }
    const mve_pred16_t low = first(left);
    const mve_pred16_t high = first(left - LANES);
    vst1q_p(out, clamp(a0, minimum, maximum), low);
    vst1q_p(out + pitch, clamp(b0, minimum, maximum), low);
    vst1q_p(out + 2 * pitch, clamp(c0, minimum, maximum), low);
    vst1q_p(out + LANES, clamp(a1, minimum, maximum), high);
    vst1q_p(out + pitch + LANES, clamp(b1, minimum, maximum), high);
    vst1q_p(out + 2 * pitch + LANES, clamp(c1, minimum, maximum), high);
  }
}

/* One pixel. */
static void multiply_one(const real *pixel, real *out, const itr_mvef_conv *s) {
  const reals minimum = all(s->minimum);
  const reals maximum = all(s->maximum);
  const real *w = s->weights;
  for (int32_t left = s->out_c; left > 0; left -= BLOCK, out += BLOCK) {
    const real *x = pixel;
    reals a0 = vld1q(w);
    reals a1 = vld1q(w + LANES);
    w += BLOCK;
    for (int32_t k = s->depth; k > 0; k--, w += BLOCK) {
      const real u = *x++;
      a0 = vfmaq(a0, vld1q(w), u);
      a1 = vfmaq(a1, vld1q(w + LANES), u);
    }
    vst1q_p(out, clamp(a0, minimum, maximum), first(left));
    vst1q_p(out + LANES, clamp(a1, minimum, maximum), first(left - LANES));
  }
}

void ITR_FUNCTION(const void *in, void *out, void *scratch, const itr_mvef_conv *s) {
  const int32_t pixels = s->out_h * s->out_w;
  real *o = out;
  int32_t i = 0;
  for (; i + PIXELS <= pixels; i += PIXELS, o += PIXELS * s->out_c) {
    const real *windows[PIXELS];
    for (int32_t k = 0; k < PIXELS; k++) {
      windows[k] = window_of((real *)scratch + k * s->depth, in, s, i + k);
    }
    multiply(windows, o, s->out_c, s);
  }
  for (; i < pixels; i++, o += s->out_c) {
    multiply_one(window_of(scratch, in, s, i), o, s);
  }
}
