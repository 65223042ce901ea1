// SPDX-License-Identifier: Apache-2.0
/* What FULLY_CONNECTED kernels for packed types share. */
#ifndef INTARSIA_FULLY_CONNECTED_PACKED_H
#define INTARSIA_FULLY_CONNECTED_PACKED_H

#include <stdint.h>

#include "intarsia/fully_connected.h"
#include "intarsia/packed.h"

/* Unpacks row n of the input, zero points taken off, and returns what weights_zero takes from every
 * sum. */
static inline int32_t itr_packed_row(const itr_fully_connected_packed_params *p, const void *in,
                                     int32_t n, int16_t *row) {
  const int32_t runs = p->columns / p->in_run;
  const int32_t run_bytes = itr_packed_bytes(p->in_run, p->in_bits);
  const uint8_t *source = (const uint8_t *)in + n * runs * run_bytes;
  for (int32_t r = 0; r < runs; r++) {
    itr_unpack(source + r * run_bytes, p->in_run, p->in_bits, p->in_zero, row + r * p->in_run);
  }
  int32_t sum = 0;
  for (int32_t i = 0; p->weights_zero != 0 && i < p->columns; i++) {
    sum += row[i];
  }
  return p->weights_zero * sum;
}

#endif
