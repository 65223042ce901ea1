// SPDX-License-Identifier: Apache-2.0
#include "dump_session.h"

#if ITR_DUMP

#include "frame.h"

static uint8_t current;

void itr_dump_start(uint8_t sequence) {
  current = sequence;
}

void itr_dump(uint32_t layer, uint32_t output, const void *data, uint32_t bytes) {
  itr_frame_begin(ITR_MESSAGE_TENSOR, current, ITR_TENSOR_FIXED_BYTES + bytes);
  itr_frame_put_u32(layer);
  itr_frame_put_u32(output);
  itr_frame_put(data, bytes);
  itr_frame_end();
}

#endif
