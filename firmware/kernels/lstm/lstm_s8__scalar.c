// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/dot.h"
#include "intarsia/fixedpoint16.h"
#include "intarsia/lstm.h"

/* What one step reads: constants, the values of the step and the last outputs. */
typedef struct {
  const int8_t *sequence, *recurrent;
  const int32_t *sequence_bias, *recurrent_bias;
  const int8_t *x, *h;
} step;

/* A gate of one cell before its activation. */
static int32_t gate_of(const itr_lstm_s8_params *p, const step *s, int32_t gate, int32_t cell) {
  const int32_t row = gate * p->cells + cell;
  const int32_t first =
      s->sequence_bias[row] + itr_dot_s8(s->x, s->sequence + row * p->width, p->width, 0, 0);
  const int32_t second =
      s->recurrent_bias[row] + itr_dot_s8(s->h, s->recurrent + row * p->cells, p->cells, 0, 0);
  const int32_t part =
      itr_clamp(itr_scale(first, p->sequence_multiplier[gate], p->sequence_shift[gate]), INT16_MIN,
                INT16_MAX);
  const int32_t sum =
      part + itr_scale(second, p->recurrent_multiplier[gate], p->recurrent_shift[gate]);
  return itr_clamp(sum, INT16_MIN, INT16_MAX);
}

/* The cell state and the output of one cell. */
static int8_t advance(const itr_lstm_s8_params *p, const step *s, int32_t cell, int16_t *state) {
  const int32_t enter = itr_logistic_16(gate_of(p, s, 0, cell));
  const int32_t keep = itr_logistic_16(gate_of(p, s, 1, cell));
  const int32_t candidate = itr_tanh_16(gate_of(p, s, 2, cell), 3);
  const int32_t leave = itr_logistic_16(gate_of(p, s, 3, cell));
  const int32_t kept = (int16_t)itr_rounding_shift_right(keep * *state, 15);
  const int32_t added = (int16_t)itr_rounding_shift_right(enter * candidate, 30 + p->cell_exponent);
  const int32_t sum = itr_clamp(kept + added, INT16_MIN, INT16_MAX);
  *state = (int16_t)itr_clamp(sum, -p->clip, p->clip);
  const int32_t product = leave * itr_tanh_16(*state, 15 + p->cell_exponent);
  const int32_t code = itr_scale(product, p->hidden_multiplier, p->hidden_shift) + p->hidden_zero;
  return (int8_t)itr_clamp(code, INT8_MIN, INT8_MAX);
}

void itr_lstm_s8__scalar(const itr_lstm_s8_params *p, const int8_t *in, const int8_t *output,
                         const int16_t *cell, const int8_t *sequence, const int8_t *recurrent,
                         const int32_t *sequence_bias, const int32_t *recurrent_bias, int8_t *out,
                         int8_t *output_after, int16_t *cell_after, void *scratch) {
  int8_t *next = scratch;
  if (output_after != output) {
    memcpy(output_after, output, (size_t)p->batch * (size_t)p->cells);
  }
  if (cell_after != cell) {
    memcpy(cell_after, cell, (size_t)p->batch * (size_t)p->cells * sizeof *cell);
  }
  step s = {sequence, recurrent, sequence_bias, recurrent_bias, in, output_after};
  for (int32_t b = 0; b < p->batch; b++) {
    int8_t *h = output_after + b * p->cells;
    for (int32_t t = 0; t < p->time; t++) {
      const int32_t row = b * p->image + t * p->step;
      s.x = in + row * p->width;
      s.h = h;
      for (int32_t c = 0; c < p->cells; c++) {
        next[c] = advance(p, &s, c, cell_after + b * p->cells + c);
      }
      memcpy(h, next, (size_t)p->cells);
      memcpy(out + row * p->cells, next, (size_t)p->cells);
    }
  }
}
