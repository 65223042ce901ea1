// SPDX-License-Identifier: Apache-2.0
// Frames, streamed: no buffer ever holds a whole one. The layout is described in runtime/README.md.
#ifndef INTARSIA_RUNTIME_FRAME_H
#define INTARSIA_RUNTIME_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "intarsia/protocol.h"

typedef struct {
  uint8_t type;
  uint8_t sequence;
  uint32_t length;
} itr_frame_header;

// 0 is success, a positive value is an itr_nak reason.
typedef int itr_frame_status;
#define ITR_FRAME_OK 0
#define ITR_FRAME_CLOSED (-1)

// Receiving: open, read the payload in any pieces, close. A payload read before close() is
// unproven.
itr_frame_status itr_frame_open(itr_frame_header *header);
itr_frame_status itr_frame_read(void *dst, uint32_t bytes); // dst NULL: read and drop
itr_frame_status itr_frame_close(void);

// Sending: begin, put exactly the announced number of payload bytes, end.
void itr_frame_begin(itr_message type, uint8_t sequence, uint32_t length);
void itr_frame_put(const void *src, size_t bytes);
void itr_frame_put_u32(uint32_t value);
void itr_frame_end(void);

#endif
