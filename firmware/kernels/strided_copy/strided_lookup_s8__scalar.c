// SPDX-License-Identifier: Apache-2.0
#include "intarsia/strided_copy.h"

void itr_strided_lookup_s8__scalar(const itr_strided_lookup_s8_params *p, const int8_t *in,
                                   const int8_t *table, int8_t *out) {
  const int32_t count = p->extent[ITR_COPY_INNER];
  const int32_t in_stride = p->in_stride[ITR_COPY_INNER];
  const int32_t out_stride = p->out_stride[ITR_COPY_INNER];
  itr_copy_walk walk = itr_copy_start(p);
  do {
    const int8_t *source = in + walk.in;
    int8_t *target = out + walk.out;
    for (int32_t i = 0; i < count; i++) {
      target[i * out_stride] = table[(uint8_t)source[i * in_stride]];
    }
  } while (itr_copy_next(p, &walk));
}
