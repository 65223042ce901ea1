// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_depthwise.h"

enum { CHANNELS = 4, TAPS = 3 };

/* Fills rows [first, last) of the four planes with zero points. */
static void fill_rows(const itr_dsp_depthwise_layer *layer, uint32_t *planes, int32_t first,
                      int32_t last) {
  for (int32_t c = 0; c < CHANNELS; c++) {
    uint32_t *plane = planes + c * (layer->shape.plane / 4);
    for (int32_t i = first * layer->row_words; i < last * layer->row_words; i++) {
      plane[i] = layer->zeros;
    }
  }
}

/* Output rows [y, y + strip) of one image. */
static void strip(const itr_dsp_depthwise_layer *layer, const int8_t *in, int32_t y, int8_t *out,
                  uint32_t *planes) {
  const int32_t height = (layer->strip - 1) * layer->stride + TAPS;
  const int32_t top = y * layer->stride - layer->pad_top;
  const int32_t first = top < 0 ? -top : 0;
  const int32_t last = top + height > layer->in_h ? layer->in_h - top : height;
  fill_rows(layer, planes, 0, first);
  fill_rows(layer, planes, last, height);
  in += (top + first) * layer->in_w * layer->bytes.in_pixel;
  out += y * layer->out_w * layer->bytes.out_pixel;
  uint32_t *rows = planes + first * layer->row_words;
  for (int32_t r = 0; r < layer->run_count; r++) {
    const itr_dsp_depthwise_run *run = &layer->runs[r];
    const int32_t *stream = run->stream;
    for (int32_t c = run->first; c < run->end; c += CHANNELS) {
      itr_dsp_planes(in + itr_dsp_depthwise_at(c, layer->bytes.in_group), rows, last - first,
                     &layer->shape);
      itr_dsp_depthwise(planes, out + itr_dsp_depthwise_at(c, layer->bytes.out_group), stream,
                        run->code);
      stream += CHANNELS * run->channel_words;
    }
  }
}

void itr_dsp_depthwise_planar(const itr_dsp_depthwise_layer *layer, const int8_t *in, int8_t *out,
                              void *scratch) {
  for (int32_t n = 0; n < layer->batch; n++) {
    for (int32_t y = 0; y < layer->out_h; y += layer->strip) {
      const int32_t last = layer->out_h - layer->strip;
      strip(layer, in, y < last ? y : last, out, scratch);
    }
    in += layer->in_h * layer->in_w * layer->bytes.in_pixel;
    out += layer->out_h * layer->out_w * layer->bytes.out_pixel;
  }
}
