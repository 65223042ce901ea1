// SPDX-License-Identifier: Apache-2.0
void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_blocked_gemm *s, int32_t pixels);

static void store(const itr_blocked_gemm *s, int8_t *out, int32_t channel, int32_t a, int32_t b,
                  int32_t c, int32_t d) {
  const itr_blocked_channel *q = s->q + channel;
  const int32_t rest = s->channels - channel;
#if ITR_SCATTER
  const uint16_t *place = s->places + channel;
#define ITR_PLACE(i) place[i]
#else
  out += channel;
#define ITR_PLACE(i) (i)
#endif
  out[ITR_PLACE(0)] = itr_blocked_code(a, q, &s->to);
  if (rest > 1) {
    out[ITR_PLACE(1)] = itr_blocked_code(b, q + 1, &s->to);
  }
  if (rest > 2) {
    out[ITR_PLACE(2)] = itr_blocked_code(c, q + 2, &s->to);
  }
  if (rest > 3) {
    out[ITR_PLACE(3)] = itr_blocked_code(d, q + 3, &s->to);
  }
}

/* Two pixels. */
static void pair(const int8_t *in, int8_t *out, const itr_blocked_gemm *s, int32_t channel,
                 const int8_t *w) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  int32_t e = 0, f = 0, g = 0, h = 0;
  for (int32_t r = 0; r < s->runs; r++) {
    const int8_t *x = in + s->offsets[r];
    const int8_t *y = x + s->step;
#pragma GCC unroll 4
    for (const int8_t *end = x + s->run; x < end; x++, y++, w += ITR_BLOCKED_CHANNELS) {
      const int32_t u = *x;
      const int32_t v = *y;
      a += u * w[0];
      e += v * w[0];
      b += u * w[1];
      f += v * w[1];
      c += u * w[2];
      g += v * w[2];
      d += u * w[3];
      h += v * w[3];
    }
  }
  store(s, out, channel, a, b, c, d);
  store(s, out + s->pitch, channel, e, f, g, h);
}

static void single(const int8_t *in, int8_t *out, const itr_blocked_gemm *s, int32_t channel,
                   const int8_t *w) {
  int32_t a = 0, b = 0, c = 0, d = 0;
  for (int32_t r = 0; r < s->runs; r++) {
    const int8_t *x = in + s->offsets[r];
#pragma GCC unroll 4
    for (const int8_t *end = x + s->run; x < end; x++, w += ITR_BLOCKED_CHANNELS) {
      const int32_t u = *x;
      a += u * w[0];
      b += u * w[1];
      c += u * w[2];
      d += u * w[3];
    }
  }
  store(s, out, channel, a, b, c, d);
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_blocked_gemm *s, int32_t pixels) {
#if ITR_SCATTER
  for (int32_t i = 0; i < pixels; i++) {
    memcpy(out + i * s->pitch, s->constant, (size_t)s->pitch);
  }
#endif
  const int32_t block = s->runs * s->run * ITR_BLOCKED_CHANNELS;
  for (; pixels > 0; pixels -= 2, in += 2 * s->step, out += 2 * s->pitch) {
    const int8_t *w = s->weights;
    for (int32_t channel = 0; channel < s->channels; channel += ITR_BLOCKED_CHANNELS, w += block) {
      if (pixels > 1) {
        pair(in, out, s, channel, w);
      } else {
        single(in, out, s, channel, w);
      }
    }
  }
}
