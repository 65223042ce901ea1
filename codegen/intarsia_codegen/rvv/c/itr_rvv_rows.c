// SPDX-License-Identifier: Apache-2.0
#include <riscv_vector.h>

#include "itr_rvv_rows.h"

void itr_rvv_copy(int8_t *out, const int8_t *in, int32_t bytes) {
  for (size_t n; bytes > 0; bytes -= (int32_t)n, in += n, out += n) {
    n = __riscv_vsetvl_e8m8((size_t)bytes);
    __riscv_vse8_v_i8m8(out, __riscv_vle8_v_i8m8(in, n), n);
  }
}

void itr_rvv_fill(int8_t *out, int32_t value, int32_t bytes) {
  for (size_t n; bytes > 0; bytes -= (int32_t)n, out += n) {
    n = __riscv_vsetvl_e8m8((size_t)bytes);
    __riscv_vse8_v_i8m8(out, __riscv_vmv_v_x_i8m8((int8_t)value, n), n);
  }
}

/* Loads image rows from `y` on into the last `count` rows. */
static void load(int8_t *rows, const int8_t *image, const itr_rvv_rows *s, int32_t y,
                 int32_t count) {
  int8_t *out = rows + (s->kept - count) * s->pitch + s->left;
  for (; count > 0; count--, y++, out += s->pitch) {
    if (y >= 0 && y < s->in_h) {
      itr_rvv_copy(out, image + y * s->in_pitch, s->bytes);
    } else {
      itr_rvv_fill(out, s->fill, s->bytes);
    }
  }
}

void itr_rvv_rows_start(int8_t *rows, const int8_t *image, const itr_rvv_rows *shape, int32_t y) {
  itr_rvv_fill(rows, shape->fill, shape->kept * shape->pitch);
  load(rows, image, shape, y, shape->kept);
}

void itr_rvv_rows_advance(int8_t *rows, const int8_t *image, const itr_rvv_rows *shape, int32_t y,
                          int32_t step) {
  const int32_t fresh = step < shape->kept ? step : shape->kept;
  itr_rvv_copy(rows, rows + fresh * shape->pitch, (shape->kept - fresh) * shape->pitch);
  load(rows, image, shape, y + shape->kept - fresh, fresh);
}
