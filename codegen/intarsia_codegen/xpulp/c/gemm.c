// SPDX-License-Identifier: Apache-2.0
void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels);
void ITR_FOUR(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels);
void ITR_ONE(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels);

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels) {
  if (s->constant) {
    for (int32_t i = 0; i < pixels; i++) {
      memcpy(out + i * s->pitch, s->constant, (size_t)s->pitch);
    }
  }
  const int32_t rest = pixels % 4;
  const int32_t whole = pixels - rest;
  if (whole > 0) {
    ITR_FOUR(in, out, s, whole);
  }
  if (rest > 0) {
    ITR_ONE(in + whole * s->step, out + whole * s->pitch, s, rest);
  }
}
