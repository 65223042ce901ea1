// SPDX-License-Identifier: Apache-2.0
/* The drivers of itr_dsp_conv.h for layers that run in branches of patches: `layer` has what all
 * branches share, `extent` the rest. Scratch is the same. */
#ifndef ITR_DSP_CONV_BRANCH_H
#define ITR_DSP_CONV_BRANCH_H

#include "itr_dsp_conv.h"
#include "itr_dsp_extent.h"

/* Windows of one row that lie inside the input. */
void itr_dsp_conv_direct_branch(const itr_dsp_conv *layer, const itr_dsp_extent *extent,
                                const int8_t *in, int8_t *out, void *scratch);

/* Any windows of contiguous segments: rows of layer->row_bytes are copied, a strip at a time. */
void itr_dsp_conv_padded_branch(const itr_dsp_conv *layer, const itr_dsp_extent *extent,
                                const int8_t *in, int8_t *out, void *scratch);

/* Any window: it is gathered value by value. */
void itr_dsp_conv_gathered_branch(const itr_dsp_conv *layer, const itr_dsp_extent *extent,
                                  const int8_t *in, int8_t *out, void *scratch);

#endif
