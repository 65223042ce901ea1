// SPDX-License-Identifier: Apache-2.0
#ifndef INTARSIA_RUNTIME_DUMP_SESSION_H
#define INTARSIA_RUNTIME_DUMP_SESSION_H

#include "intarsia/dump.h"

#if ITR_DUMP
// Call before an inference: its feature maps are sent with the sequence number of the request.
void itr_dump_start(uint8_t sequence);
#endif

#endif
