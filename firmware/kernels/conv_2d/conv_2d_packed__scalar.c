// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/conv_2d.h"
#include "intarsia/fixedpoint.h"
#include "intarsia/packed.h"

/* Unpacks the window whose first cell is (top, left), zero points taken off, and returns its sum;
 * cells outside the input are 0. */
static int32_t gather(const itr_conv_2d_packed_params *p, const uint8_t *image, int32_t top,
                      int32_t left, int16_t *window) {
  const int32_t run = itr_packed_bytes(p->in_c, p->in_bits);
  int32_t sum = 0;
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    const int32_t y = top + ky * p->dilation_h;
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
      const int32_t x = left + kx * p->dilation_w;
      if (y >= 0 && y < p->in_h && x >= 0 && x < p->in_w) {
        itr_unpack(image + (y * p->in_w + x) * run, p->in_c, p->in_bits, p->in_zero, window);
      } else {
        memset(window, 0, (size_t)p->in_c * sizeof *window);
      }
      for (int32_t c = 0; p->weights_zero != 0 && c < p->in_c; c++) {
        sum += window[c];
      }
      window += p->in_c;
    }
  }
  return sum;
}

/* Adds the products with the weights w and v of two channels. */
static void add_products(const itr_conv_2d_packed_params *p, const int16_t *window,
                         const uint8_t *w, const uint8_t *v, int32_t bits, int32_t sums[2]) {
  const int32_t cells = p->kernel_h * p->kernel_w;
  if ((p->in_c * bits & 7) == 0) {
    itr_packed_dot2(window, w, v, cells * p->in_c, bits, sums);
    return;
  }
  const int32_t run = itr_packed_bytes(p->in_c, bits);
  for (int32_t k = 0; k < cells; k++) {
    itr_packed_dot2(window + k * p->in_c, w + k * run, v + k * run, p->in_c, bits, sums);
  }
}

void itr_conv_2d_packed__scalar(const itr_conv_2d_packed_params *p, const void *in,
                                const uint8_t *weights, const int32_t *bias,
                                const int32_t *multiplier, const int8_t *shift,
                                const int8_t *weights_bits, void *out, void *scratch) {
  const int32_t image_bytes = p->in_h * p->in_w * itr_packed_bytes(p->in_c, p->in_bits);
  uint8_t *pixel = out;
  for (int32_t i = 0; i < p->batch * p->out_h * p->out_w; i++) {
    const int32_t x = i % p->out_w;
    const int32_t y = i / p->out_w % p->out_h;
    const uint8_t *image = (const uint8_t *)in + i / (p->out_w * p->out_h) * image_bytes;
    const int32_t sum =
        gather(p, image, y * p->stride_h - p->pad_top, x * p->stride_w - p->pad_left, scratch);
    const int32_t excess = p->weights_zero * sum;
    const uint8_t *w = weights;
    for (int32_t o = 0; o < p->out_c;) {
      const int32_t bits = weights_bits[o * p->mixed];
      const int32_t bytes = p->kernel_h * p->kernel_w * itr_packed_bytes(p->in_c, bits);
      const int32_t last = o + 1 < p->out_c && weights_bits[(o + 1) * p->mixed] == bits ? 1 : 0;
      int32_t sums[2] = {0, 0};
      add_products(p, scratch, w, w + last * bytes, bits, sums);
      for (int32_t k = 0; k <= last; k++, o++) {
        const int32_t total = bias[o] + (sums[k] - excess);
        const int32_t code = itr_scale(total, multiplier[o], shift[o]) + p->out_zero;
        itr_packed_append(pixel, o, p->out_bits, itr_clamp(code, p->minimum, p->maximum));
      }
      w += (last + 1) * bytes;
    }
    pixel += itr_packed_bytes(p->out_c, p->out_bits);
  }
}
