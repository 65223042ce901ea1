// SPDX-License-Identifier: Apache-2.0
/* ADD of feature maps of 8 and 4 bits as one line in two variables. */
#ifndef ITR_DSP_ADD_MIXED_H
#define ITR_DSP_ADD_MIXED_H

#include <stdint.h>

#include "intarsia/add.h"

typedef struct {
  const char *code; /* assembler that is jumped to */
  int32_t exponent;
  int32_t a, b, c; /* constants of the line */
} itr_dsp_add_mixed;

/* `out` may be an operand of at least as many bits. `scratch` is not used. */
void itr_dsp_add_by_line(const itr_dsp_add_mixed *layer, const itr_add_packed_params *p,
                         const void *a, const void *b, void *out, void *scratch);

#endif
