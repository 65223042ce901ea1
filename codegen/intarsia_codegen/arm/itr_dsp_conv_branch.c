// SPDX-License-Identifier: Apache-2.0
#include "itr_dsp_conv_branch.h"

#include <string.h>

enum { BLOCK = 4 };

static int32_t least(int32_t a, int32_t b) {
  return a < b ? a : b;
}

/* The layer with the extents and borders of a branch. */
static itr_dsp_conv placed(const itr_dsp_conv *layer, const itr_dsp_extent *extent) {
  itr_dsp_conv branch = *layer;
  branch.in_h = extent->in_h;
  branch.in_w = extent->in_w;
  branch.pad_top = extent->pad_top;
  branch.pad_left = extent->pad_left;
  branch.out_h = extent->out_h;
  branch.out_w = extent->out_w;
  return branch;
}

void itr_dsp_conv_direct_branch(const itr_dsp_conv *layer, const itr_dsp_extent *extent,
                                const int8_t *in, int8_t *out, void *scratch) {
  itr_dsp_conv branch = placed(layer, extent);
  branch.row_bytes = branch.in_w * branch.in_c;
  in -= branch.pad_top * branch.row_bytes + branch.pad_left * branch.in_c;
  itr_dsp_conv_direct(&branch, in, out, scratch);
}

void itr_dsp_conv_gathered_branch(const itr_dsp_conv *layer, const itr_dsp_extent *extent,
                                  const int8_t *in, int8_t *out, void *scratch) {
  const itr_dsp_conv branch = placed(layer, extent);
  itr_dsp_conv_gathered(&branch, in, out, scratch);
}

/* One row of the input with its padding; `y` may lie outside. */
static void copy_row(const itr_dsp_conv *branch, const int8_t *image, int32_t y, int8_t *row) {
  const int32_t skipped = branch->pad_left < 0 ? -branch->pad_left : 0;
  const int32_t left = (branch->pad_left + skipped) * branch->in_c;
  const int32_t room = branch->row_bytes - left;
  const int32_t bytes = least((branch->in_w - skipped) * branch->in_c, room);
  if (y < 0 || y >= branch->in_h) {
    memset(row, branch->in_zero, (size_t)branch->row_bytes);
    return;
  }
  memset(row, branch->in_zero, (size_t)left);
  memcpy(row + left, image + (y * branch->in_w + skipped) * branch->in_c, (size_t)bytes);
  memset(row + left + bytes, branch->in_zero, (size_t)(room - bytes));
}

void itr_dsp_conv_padded_branch(const itr_dsp_conv *layer, const itr_dsp_extent *extent,
                                const int8_t *in, int8_t *out, void *scratch) {
  const itr_dsp_conv branch = placed(layer, extent);
  int8_t *rows =
      (int8_t *)scratch + branch.runs[0].buffer_bytes + itr_dsp_conv_spare_bytes(&branch);
  const int32_t reach = (branch.kernel_h - 1) * branch.dilation_h + 1;
  const int32_t strip = branch.out_w < BLOCK ? branch.out_h : branch.strip;
  for (int32_t y = 0; y < branch.out_h; y += strip) {
    const int32_t count = least(strip, branch.out_h - y);
    const int32_t top = y * branch.stride_h - branch.pad_top;
    for (int32_t r = 0; r < (count - 1) * branch.stride_h + reach; r++) {
      copy_row(&branch, in, top + r, rows + r * branch.row_bytes);
    }
    itr_dsp_conv_rows(&branch, rows, count * branch.out_w, out, scratch);
    out += count * branch.out_w * branch.out_c;
  }
}
