// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/strided_copy.h"

/* memcpy: the elements may be of any type of this size. */
static void copy_run(const itr_strided_copy_x16_params *p, const uint16_t *in, uint16_t *out) {
  const int32_t count = p->extent[ITR_COPY_INNER];
  const int32_t in_stride = p->in_stride[ITR_COPY_INNER];
  const int32_t out_stride = p->out_stride[ITR_COPY_INNER];
  for (int32_t i = 0; i < count; i++) {
    memcpy(out + i * out_stride, in + i * in_stride, sizeof *out);
  }
}

void itr_strided_copy_x16__scalar(const itr_strided_copy_x16_params *p, const void *in, void *out) {
  const uint16_t *source = in;
  uint16_t *target = out;
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
