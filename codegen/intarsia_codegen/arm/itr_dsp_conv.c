// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_conv.h"

#include <stddef.h>
#include <string.h>

enum { BLOCK = 4 };

/* Channels that no run computes. */
static void place_fixed(const itr_dsp_conv *layer, int8_t *out) {
  for (int32_t k = 0; k < BLOCK; k++) {
    memcpy(out + k * layer->out_c, layer->fixed, (size_t)layer->out_c);
  }
}

/* Depthwise: runs read the windows themselves. */
static void multiply_taps(const itr_dsp_conv *layer, const int8_t *const pixel[BLOCK],
                          int8_t *out) {
  for (int32_t k = 0; k < BLOCK; k++) {
    for (int32_t r = 0; r < layer->run_count; r++) {
      const int32_t first = layer->runs[r].first;
      itr_dsp_gemm(pixel[k] + first, &layer->runs[r], out + k * layer->out_c + first);
    }
  }
}

static void multiply(const itr_dsp_conv *layer, const int8_t *const pixel[BLOCK], int8_t *out,
                     uint32_t *buffer) {
  if (layer->fixed != NULL) {
    place_fixed(layer, out);
  }
  if (layer->pack.code == NULL) {
    multiply_taps(layer, pixel, out);
    return;
  }
  itr_dsp_pack4(buffer, pixel, &layer->pack);
  for (int32_t r = 0; r < layer->run_count; r++) {
    itr_dsp_gemm(buffer, &layer->runs[r], out + layer->runs[r].first);
  }
}

/* Less than four pixels: the last one is repeated, and the outputs take a detour. */
static void multiply_few(const itr_dsp_conv *layer, const int8_t *pixel[BLOCK], int32_t count,
                         int8_t *out, uint32_t *buffer) {
  int8_t *spare = (int8_t *)buffer + layer->runs[0].buffer_bytes;
  for (int32_t k = count; k < BLOCK; k++) {
    pixel[k] = pixel[count - 1];
  }
  multiply(layer, pixel, spare, buffer);
  memcpy(out, spare, (size_t)(count * layer->out_c));
}

/* The last block overlaps the one before when the pixels are no multiple of four. */
void itr_dsp_conv_rows(const itr_dsp_conv *layer, const int8_t *rows, int32_t pixels, int8_t *out,
                       uint32_t *buffer) {
  const int32_t next_row = layer->stride_h * layer->row_bytes;
  const int32_t next = layer->stride_w * layer->in_c;
  const int8_t *row = rows;
  int32_t x = 0;
  for (int32_t i = 0; i < pixels; i += BLOCK) {
    const int8_t *pixel[BLOCK];
    const int32_t count = pixels < BLOCK ? pixels : BLOCK;
    for (x -= i + count > pixels ? i + count - pixels : 0; x < 0; x += layer->out_w) {
      row -= next_row;
    }
    for (int32_t k = 0; k < count; k++) {
      pixel[k] = row + x * next;
      if (++x == layer->out_w) {
        x = 0;
        row += next_row;
      }
    }
    if (count < BLOCK) {
      multiply_few(layer, pixel, count, out, buffer);
    } else {
      const int32_t first = i + BLOCK > pixels ? pixels - BLOCK : i;
      multiply(layer, pixel, out + first * layer->out_c, buffer);
    }
  }
}

void itr_dsp_conv_direct(const itr_dsp_conv *layer, const int8_t *in, int8_t *out, void *scratch) {
  const int32_t pixels = layer->out_h * layer->out_w;
  for (int32_t n = 0; n < layer->batch; n++) {
    itr_dsp_conv_rows(layer, in, pixels, out, scratch);
    in += layer->in_h * layer->in_w * layer->in_c;
    out += pixels * layer->out_c;
  }
}

/* One row of the input with its padding; `y` may lie outside. */
static void copy_row(const itr_dsp_conv *layer, const int8_t *image, int32_t y, int8_t *row) {
  const int32_t left = layer->pad_left * layer->in_c;
  const int32_t room = layer->row_bytes - left;
  const int32_t bytes = layer->in_w * layer->in_c < room ? layer->in_w * layer->in_c : room;
  memset(row, layer->in_zero, (size_t)layer->row_bytes);
  if (y >= 0 && y < layer->in_h) {
    memcpy(row + left, image + y * layer->in_w * layer->in_c, (size_t)bytes);
  }
}

void itr_dsp_conv_padded(const itr_dsp_conv *layer, const int8_t *in, int8_t *out, void *scratch) {
  int8_t *rows = (int8_t *)scratch + layer->runs[0].buffer_bytes + itr_dsp_conv_spare_bytes(layer);
  const int32_t reach = (layer->kernel_h - 1) * layer->dilation_h + 1;
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t y = 0; y < layer->out_h; y += layer->strip) {
      const int32_t left = layer->out_h - y;
      const int32_t count = left < layer->strip ? left : layer->strip;
      const int32_t top = y * layer->stride_h - layer->pad_top;
      for (int32_t r = 0; r < (count - 1) * layer->stride_h + reach; r++) {
        copy_row(layer, in, top + r, rows + r * layer->row_bytes);
      }
      itr_dsp_conv_rows(layer, rows, count * layer->out_w, out, scratch);
      out += count * layer->out_w * layer->out_c;
    }
    in += layer->in_h * layer->in_w * layer->in_c;
  }
}

/* The window of output (y, x), padding included, kernel row by row. */
static void gather(const itr_dsp_conv *layer, const int8_t *image, int32_t y, int32_t x,
                   int8_t *window) {
  for (int32_t ky = 0; ky < layer->kernel_h; ky++) {
    const int32_t iy = y * layer->stride_h - layer->pad_top + ky * layer->dilation_h;
    for (int32_t kx = 0; kx < layer->kernel_w; kx++) {
      const int32_t ix = x * layer->stride_w - layer->pad_left + kx * layer->dilation_w;
      if (iy < 0 || iy >= layer->in_h || ix < 0 || ix >= layer->in_w) {
        memset(window, layer->in_zero, (size_t)layer->in_c);
      } else {
        memcpy(window, image + (iy * layer->in_w + ix) * layer->in_c, (size_t)layer->in_c);
      }
      window += layer->in_c;
    }
  }
}

void itr_dsp_conv_gathered(const itr_dsp_conv *layer, const int8_t *in, int8_t *out,
                           void *scratch) {
  int8_t *windows =
      (int8_t *)scratch + layer->runs[0].buffer_bytes + itr_dsp_conv_spare_bytes(layer);
  const int32_t pixels = layer->out_h * layer->out_w;
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t i = 0; i < pixels; i += BLOCK) {
      const int8_t *pixel[BLOCK];
      const int32_t count = pixels < BLOCK ? pixels : BLOCK;
      const int32_t first = i + count > pixels ? pixels - count : i;
      for (int32_t k = 0; k < count; k++) {
        int8_t *window = windows + k * 4 * layer->pack.words;
        gather(layer, in, (first + k) / layer->out_w, (first + k) % layer->out_w, window);
        pixel[k] = window;
      }
      if (count < BLOCK) {
        multiply_few(layer, pixel, count, out, scratch);
      } else {
        multiply(layer, pixel, out + first * layer->out_c, scratch);
      }
    }
    in += layer->in_h * layer->in_w * layer->in_c;
    out += pixels * layer->out_c;
  }
}
