// SPDX-License-Identifier: Apache-2.0
/* Sums of two maps of reals, a word at a time: a float or two halves. */
#ifndef ITR_XF16_ADD_H
#define ITR_XF16_ADD_H

#include <stdint.h>

/* Functions in assembler read the fields by their place; limits are words, for each half of one. */
typedef struct {
  int32_t words;
  int32_t minimum, maximum;
} itr_xf16_add;

#endif
