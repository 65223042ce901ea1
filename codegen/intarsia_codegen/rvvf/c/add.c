// SPDX-License-Identifier: Apache-2.0
void ITR_FUNCTION(const void *a, const void *b, void *out, int32_t size, const float limits[2]);

void ITR_FUNCTION(const void *a, const void *b, void *out, int32_t size, const float limits[2]) {
  const real *x = a;
  const real *y = b;
  real *o = out;
  for (size_t n; size > 0; size -= (int32_t)n, x += n, y += n, o += n) {
    n = __riscv_vsetvl_e32m8((size_t)size);
    const sums sum = __riscv_vfadd_vv_f32m8(widened(load(x, n), n), widened(load(y, n), n), n);
    store(o, sum, limits[0], limits[1], n);
  }
}
