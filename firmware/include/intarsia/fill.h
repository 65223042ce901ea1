// SPDX-License-Identifier: Apache-2.0
/* Sets `count` elements of one, two or four bytes to one bit pattern. */
#ifndef INTARSIA_FILL_H
#define INTARSIA_FILL_H

#include <stdint.h>

typedef struct {
  int32_t count, value;
} itr_fill_params;

typedef itr_fill_params itr_fill_x8_params;
typedef itr_fill_params itr_fill_x16_params;
typedef itr_fill_params itr_fill_x32_params;

void itr_fill_x8__scalar(const itr_fill_x8_params *p, void *out);
void itr_fill_x8__rvv(const itr_fill_x8_params *p, void *out);
void itr_fill_x16__scalar(const itr_fill_x16_params *p, void *out);
void itr_fill_x32__scalar(const itr_fill_x32_params *p, void *out);

#endif
