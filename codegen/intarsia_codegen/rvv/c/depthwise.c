// SPDX-License-Identifier: Apache-2.0
#if ITR_TOGETHER == 2
/* Adds the products of a second tap. */
static inline vint16m4_t second_tap(vint16m4_t pair, const int8_t *x, const int8_t *weights,
                                    size_t n) {
  return __riscv_vwmacc_vv_i16m4(pair, __riscv_vle8_v_i8m2(x, n), __riscv_vle8_v_i8m2(weights, n),
                                 n);
}
#endif

static inline vint16m4_t first_tap(const int8_t *x, const int8_t *weights, size_t n) {
  return __riscv_vwmul_vv_i16m4(__riscv_vle8_v_i8m2(x, n), __riscv_vle8_v_i8m2(weights, n), n);
}

/* `n` outputs whose constants begin at `phase`. */
static inline void outputs(const int8_t *x, int8_t *out, const itr_rvv_depthwise *s,
                           const int32_t *offsets, int32_t phase, size_t n) {
  const int8_t *weights = s->weights + phase;
  vint32m8_t sum = __riscv_vle32_v_i32m8(s->q->bias + phase, n);
#pragma clang loop unroll(full)
  for (int t = 0; t + ITR_TOGETHER <= ITR_TAPS; t += ITR_TOGETHER) {
    vint16m4_t pair = first_tap(x + offsets[t], weights, n);
    weights += s->pitch;
#if ITR_TOGETHER == 2
    pair = second_tap(pair, x + offsets[t + 1], weights, n);
    weights += s->pitch;
#endif
    sum = __riscv_vwadd_wv_i32m8(sum, pair, n);
  }
#if ITR_TAPS % ITR_TOGETHER != 0
  const vint16m4_t last = first_tap(x + offsets[ITR_TAPS - 1], weights, n);
  sum = __riscv_vwadd_wv_i32m8(sum, last, n);
#endif
  store(out, sum, s->q, s->to, phase, n);
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_rvv_depthwise *s, int32_t pixels);

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_rvv_depthwise *s, int32_t pixels) {
  int32_t offsets[ITR_TAPS];
  for (int t = 0; t < ITR_TAPS; t++) {
    offsets[t] = s->offsets[t];
  }
  const int32_t vector = (int32_t)__riscv_vsetvlmax_e32m8();
  const int32_t lanes = vector < ITR_LANES ? vector : ITR_LANES;
  const int32_t span = s->flat ? pixels * s->period : s->period;
  for (int32_t i = s->flat ? 1 : pixels; i > 0; i--, in += s->step, out += span) {
    int32_t phase = 0;
    for (int32_t k = 0; k < span;) {
      int32_t n = span - k < lanes ? span - k : lanes;
      n = s->pitch - phase < n ? s->pitch - phase : n;
      outputs(in + k, out + k, s, offsets, phase, (size_t)n);
      k += n;
      phase = (phase + n) % s->period;
    }
  }
}
