// SPDX-License-Identifier: Apache-2.0
// Shows every feature map to the host right after the layer that makes it, before its memory is
// used again. Compiled in by ITR_DUMP, for `intarsia diff`.
#ifndef INTARSIA_DUMP_H
#define INTARSIA_DUMP_H

#include <stdint.h>

#ifndef ITR_DUMP
#define ITR_DUMP 0
#endif

#if ITR_DUMP
void itr_dump(uint32_t layer, uint32_t output, const void *data, uint32_t bytes);
#define ITR_SHOW(layer, output, data, bytes) itr_dump(layer, output, data, bytes)
#else
#define ITR_SHOW(layer, output, data, bytes) ((void)0)
#endif

#endif
