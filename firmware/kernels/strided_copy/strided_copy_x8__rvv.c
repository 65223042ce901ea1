// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "intarsia/strided_copy.h"

static void copy_contiguous(const uint8_t *in, uint8_t *out, size_t count) {
  for (size_t n; count > 0; count -= n, in += n, out += n) {
    n = __riscv_vsetvl_e8m8(count);
    __riscv_vse8_v_u8m8(out, __riscv_vle8_v_u8m8(in, n), n);
  }
}

static void copy_strided(const itr_strided_copy_x8_params *p, const uint8_t *in, uint8_t *out) {
  const ptrdiff_t in_stride = p->in_stride[ITR_COPY_INNER];
  const ptrdiff_t out_stride = p->out_stride[ITR_COPY_INNER];
  for (ptrdiff_t n, count = p->extent[ITR_COPY_INNER]; count > 0; count -= n) {
    n = (ptrdiff_t)__riscv_vsetvl_e8m8((size_t)count);
    const vuint8m8_t cells = __riscv_vlse8_v_u8m8(in, in_stride, (size_t)n);
    __riscv_vsse8_v_u8m8(out, out_stride, cells, (size_t)n);
    in += n * in_stride;
    out += n * out_stride;
  }
}

void itr_strided_copy_x8__rvv(const itr_strided_copy_x8_params *p, const void *in, void *out) {
  const uint8_t *source = in;
  uint8_t *target = out;
  itr_copy_walk walk = itr_copy_start(p);
  do {
    if (itr_copy_contiguous(p)) {
      copy_contiguous(source + walk.in, target + walk.out, (size_t)p->extent[ITR_COPY_INNER]);
    } else {
      copy_strided(p, source + walk.in, target + walk.out);
    }
  } while (itr_copy_next(p, &walk));
}
