// SPDX-License-Identifier: Apache-2.0
void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_blocked_depthwise *s, int32_t pixels);

static int32_t window_sum(const int8_t *x, const int8_t *w, const itr_blocked_depthwise *s) {
  int32_t sum = 0;
  for (int32_t ky = s->kernel_h; ky > 0; ky--, x += s->tap_y) {
    const int8_t *cell = x;
    for (const int8_t *end = w + s->kernel_w; w < end; w++, cell += s->tap_x) {
      sum += *cell * *w;
    }
  }
  return sum;
}

void ITR_FUNCTION(const int8_t *in, int8_t *out, const itr_blocked_depthwise *s, int32_t pixels) {
  const int8_t *w = s->weights;
  for (int32_t c = 0; c < s->channels; c++, w += s->kernel_h * s->kernel_w) {
    const int8_t *x = in + c;
    int8_t *y = out + c;
    for (int32_t i = pixels; i > 0; i--, x += s->step, y += s->channels) {
      *y = itr_blocked_code(window_sum(x, w, s), s->q + c, &s->to);
    }
  }
}
