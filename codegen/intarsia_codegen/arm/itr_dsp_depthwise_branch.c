// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_depthwise_branch.h"

enum { CHANNELS = 4, TAPS = 3 };

static int32_t least(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* Input columns before the first window. */
static int32_t skipped(const itr_dsp_extent *extent) {
  return extent->pad_left < 0 ? -extent->pad_left : 0;
}

static itr_dsp_planes_shape planes_shape(const itr_dsp_depthwise_branches *layer,
                                         const itr_dsp_extent *extent) {
  const int32_t left = extent->pad_left > 0 ? 1 : 0;
  const int32_t columns = extent->in_w - skipped(extent);
  const int32_t words = ((extent->out_w - 1) * layer->stride + TAPS + 1) / 2;
  const int32_t pairs = least(words - left, (columns - left) / 2);
  const int32_t passed = left + 2 * pairs;
  const int32_t last = passed < columns ? 1 : 2;
  return (itr_dsp_planes_shape){
      .code = layer->planes[left][left + pairs == words ? 0 : last],
      .pixel = layer->bytes.in_pixel,
      .plane = layer->plane,
      .row_step = (extent->in_w - passed) * layer->bytes.in_pixel,
      .skip = layer->pitch - 4 * words,
      .pairs = pairs,
      .border = layer->border,
  };
}

/* Fills rows [first, last) of the four planes with zero points. */
static void fill_rows(const itr_dsp_depthwise_branches *layer, uint32_t *planes, int32_t first,
                      int32_t last) {
  for (int32_t c = 0; c < CHANNELS; c++) {
    uint32_t *plane = planes + c * (layer->plane / 4);
    for (int32_t i = first * layer->pitch / 4; i < last * layer->pitch / 4; i++) {
      plane[i] = layer->zeros;
    }
  }
}

/* Output rows from row y on. */
static void strip(const itr_dsp_depthwise_branches *layer, const itr_dsp_extent *extent,
                  const itr_dsp_planes_shape *shape, int32_t y, const int8_t *in, int8_t *out,
                  uint32_t *planes) {
  const itr_dsp_depthwise_bytes *bytes = &layer->bytes;
  const int32_t count = least(layer->strip, extent->out_h - y);
  const int32_t height = (count - 1) * layer->stride + TAPS;
  const int32_t top = y * layer->stride - extent->pad_top;
  const int32_t first = top < 0 ? -top : 0;
  const int32_t last = least(extent->in_h - top, height);
  const int32_t out_pitch = extent->out_w * bytes->out_pixel;
  itr_dsp_rows rows = {
      .pixel = bytes->out_pixel,
      .second = count > 1 ? out_pitch : 0,
      .out_pitch = out_pitch,
      .columns = extent->out_w,
      .rows = count,
      .plane = layer->plane,
  };
  fill_rows(layer, planes, 0, first);
  fill_rows(layer, planes, last, height);
  in += ((top + first) * extent->in_w + skipped(extent)) * bytes->in_pixel;
  out += y * out_pitch;
  for (int32_t r = 0; r < layer->run_count; r++) {
    const itr_dsp_depthwise_run *run = &layer->runs[r];
    const int32_t *stream = run->stream;
    rows.code = run->code;
    for (int32_t c = run->first; c < run->end; c += CHANNELS) {
      itr_dsp_planes(in + itr_dsp_depthwise_at(c, bytes->in_group),
                     planes + first * layer->pitch / 4, last - first, shape);
      itr_dsp_depthwise_rows(planes, out + itr_dsp_depthwise_at(c, bytes->out_group), stream,
                             &rows);
      stream += CHANNELS * run->channel_words;
    }
  }
}

void itr_dsp_depthwise_planar_branch(const itr_dsp_depthwise_branches *layer,
                                     const itr_dsp_extent *extent, const int8_t *in, int8_t *out,
                                     void *scratch) {
  const itr_dsp_planes_shape shape = planes_shape(layer, extent);
  for (int32_t y = 0; y < extent->out_h; y += layer->strip) {
    strip(layer, extent, &shape, y, in, out, scratch);
  }
}
