// SPDX-License-Identifier: Apache-2.0
#include "intarsia/packed.h"
#include "intarsia/strided_copy.h"

void itr_strided_lookup_packed__scalar(const itr_strided_lookup_packed_params *p, const void *in,
                                       const int8_t *table, void *out) {
  const int32_t count = p->walk.extent[ITR_COPY_INNER];
  itr_copy_walk walk = itr_copy_start(&p->walk);
  do {
    for (int32_t i = 0; i < count; i++) {
      const int32_t source = walk.in + i * p->walk.in_stride[ITR_COPY_INNER];
      const int32_t target = walk.out + i * p->walk.out_stride[ITR_COPY_INNER];
      const int32_t code = itr_packed_load(in, source, p->in_bits);
      itr_packed_store(out, target, p->out_bits, table[itr_packed_field(code, p->in_bits)]);
    }
  } while (itr_copy_next(&p->walk, &walk));
}
