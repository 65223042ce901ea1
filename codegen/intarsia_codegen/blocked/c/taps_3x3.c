// SPDX-License-Identifier: Apache-2.0
void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_blocked_depthwise *s, int32_t pixels);

/* A row of one channel; its nine weights stay in registers where there are enough. */
static void channel_row(const int8_t *x, int8_t *out, const itr_blocked_depthwise *s, int32_t c,
                        int32_t pixels) {
  const int8_t *w = s->weights + 9 * c;
  const int32_t w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6];
  const int32_t w7 = w[7], w8 = w[8];
  const int32_t step = s->step, tap = s->tap_x;
  const itr_blocked_channel q = s->q[c];
  const itr_blocked_limits to = s->to;
  const int8_t *y = x + s->tap_y;
  const int8_t *z = y + s->tap_y;
  for (; pixels > 0; pixels--, x += step, y += step, z += step, out += s->channels) {
    int32_t sum = x[0] * w0 + x[tap] * w1 + x[2 * tap] * w2;
    sum += y[0] * w3 + y[tap] * w4 + y[2 * tap] * w5;
    sum += z[0] * w6 + z[tap] * w7 + z[2 * tap] * w8;
    *out = itr_blocked_code(sum, &q, &to);
  }
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_blocked_depthwise *s, int32_t pixels) {
  for (int32_t c = 0; c < s->channels; c++) {
    channel_row(in + c, out + c, s, c, pixels);
  }
}
