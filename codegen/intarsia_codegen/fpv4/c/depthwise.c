// SPDX-License-Identifier: Apache-2.0
#include "intarsia/real.h"
#include "intarsia/window.h"
#include "itr_fpv4_depthwise.h"

enum { CHANNELS = ITR_CHANNELS };

void ITR_FUNCTION(const void *in, void *out, const itr_fpv4_depthwise *s);

/* The taps of a window that lie inside the image, of which `corner` is the first cell. */
typedef struct {
  const itr_real *corner;
  itr_taps rows, columns;
} window;

static itr_real finished(float sum, float bias, const itr_fpv4_depthwise *s) {
  const float value = sum + bias;
  return itr_real_put(value < s->minimum ? s->minimum : value > s->maximum ? s->maximum : value);
}

ITR_BLOCKS

void ITR_FUNCTION(const void *in, void *out, const itr_fpv4_depthwise *s) {
  const itr_real *image = in;
  itr_real *o = out;
  for (int32_t y = 0; y < s->out_h; y++) {
    const int32_t top = y * s->stride_h - s->pad_top;
    const itr_taps rows = itr_taps_inside(top, s->kernel_h, s->dilation_h, s->in_h);
    for (int32_t x = 0; x < s->out_w; x++) {
      const int32_t left = x * s->stride_w - s->pad_left;
      const itr_taps columns = itr_taps_inside(left, s->kernel_w, s->dilation_w, s->in_w);
      const window at = {image + (top * s->in_w + left) * s->in_c, rows, columns};
      int32_t c = 0;
      for (; c + CHANNELS <= s->in_c; c += CHANNELS, o += CHANNELS) {
        several(&at, o, s, c);
      }
      for (; c < s->in_c; c++, o++) {
        single(&at, o, s, c);
      }
    }
  }
}
