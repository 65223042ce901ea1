// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "intarsia/dot.h"
#include "intarsia/floatmath.h"
#include "intarsia/lstm.h"

/* What one step reads: constants, the values of the step and the last outputs. */
typedef struct {
  const float *sequence, *recurrent, *bias;
  const float *x, *h;
} step;

/* A gate of one cell before its activation. */
static float gate_of(const itr_lstm_f32_params *p, const step *s, int32_t gate, int32_t cell) {
  const int32_t row = gate * p->cells + cell;
  const float first = itr_dot_f32(s->bias[row], s->x, s->sequence + row * p->width, p->width);
  return itr_dot_f32(first, s->h, s->recurrent + row * p->cells, p->cells);
}

/* The cell state and the output of one cell. */
static float advance(const itr_lstm_f32_params *p, const step *s, int32_t cell, float *state) {
  const float enter = itr_logistic(gate_of(p, s, 0, cell));
  const float keep = itr_logistic(gate_of(p, s, 1, cell));
  const float candidate = itr_tanh(gate_of(p, s, 2, cell));
  const float leave = itr_logistic(gate_of(p, s, 3, cell));
  const float sum = keep * *state + enter * candidate;
  *state = sum < -p->clip ? -p->clip : sum > p->clip ? p->clip : sum;
  return leave * itr_tanh(*state);
}

void itr_lstm_f32__scalar(const itr_lstm_f32_params *p, const float *in, const float *output,
                          const float *cell, const float *sequence, const float *recurrent,
                          const float *bias, float *out, float *output_after, float *cell_after,
                          void *scratch) {
  float *next = scratch;
  if (output_after != output) {
    memcpy(output_after, output, (size_t)(p->batch * p->cells) * sizeof *output);
  }
  if (cell_after != cell) {
    memcpy(cell_after, cell, (size_t)(p->batch * p->cells) * sizeof *cell);
  }
  step s = {sequence, recurrent, bias, in, output_after};
  for (int32_t b = 0; b < p->batch; b++) {
    float *h = output_after + b * p->cells;
    for (int32_t t = 0; t < p->time; t++) {
      const int32_t row = b * p->image + t * p->step;
      s.x = in + row * p->width;
      s.h = h;
      for (int32_t c = 0; c < p->cells; c++) {
        next[c] = advance(p, &s, c, cell_after + b * p->cells + c);
      }
      memcpy(h, next, (size_t)p->cells * sizeof *next);
      memcpy(out + row * p->cells, next, (size_t)p->cells * sizeof *next);
    }
  }
}
