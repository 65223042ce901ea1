// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/strided_copy.h"

static void copy_run(const itr_strided_copy_x8_params *p, const uint8_t *in, uint8_t *out) {
  const int32_t count = p->extent[ITR_COPY_INNER];
  const int32_t in_stride = p->in_stride[ITR_COPY_INNER];
  const int32_t out_stride = p->out_stride[ITR_COPY_INNER];
  for (int32_t i = 0; i < count; i++) {
    out[i * out_stride] = in[i * in_stride];
  }
}

void itr_strided_copy_x8__scalar(const itr_strided_copy_x8_params *p, const void *in, void *out) {
  const uint8_t *source = in;
  uint8_t *target = out;
  const size_t run = (size_t)p->extent[ITR_COPY_INNER] * sizeof *target;
  itr_copy_walk walk = itr_copy_start(p);
  do {
    if (itr_copy_contiguous(p)) {
      memcpy(target + walk.out, source + walk.in, run);
    } else {
      copy_run(p, source + walk.in, target + walk.out);
    }
  } while (itr_copy_next(p, &walk));
}
