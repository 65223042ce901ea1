// SPDX-License-Identifier: Apache-2.0
/* UNIDIRECTIONAL_SEQUENCE_LSTM: `batch` sequences of `time` steps of `width` values, `cells` cells.
 *
 * Step t of sequence b is row b * image + t * step of `in` and of `out`. Gates are in the order
 * input, forget, cell, output; weights are [gate][cell][column], biases [gate][cell]. `output` and
 * `cell` are what the last inference left, `output_after` and `cell_after` what this one leaves.
 * They may be the same memory. Scratch: the outputs of one step. */
#ifndef INTARSIA_LSTM_H
#define INTARSIA_LSTM_H

#include <stdint.h>

typedef struct {
  int32_t batch, time, width, cells, step, image;
  int32_t sequence_multiplier[4], sequence_shift[4];
  int32_t recurrent_multiplier[4], recurrent_shift[4];
  int32_t cell_exponent, clip;
  int32_t hidden_multiplier, hidden_shift, hidden_zero;
} itr_lstm_s8_params;

typedef struct {
  int32_t batch, time, width, cells, step, image;
  float clip;
} itr_lstm_f32_params;

/* Gates in Q3.12, saturated after either part; the cell state has the scale 2^cell_exponent. Zero
 * points are in the biases. */
void itr_lstm_s8__scalar(const itr_lstm_s8_params *p, const int8_t *in, const int8_t *output,
                         const int16_t *cell, const int8_t *sequence, const int8_t *recurrent,
                         const int32_t *sequence_bias, const int32_t *recurrent_bias, int8_t *out,
                         int8_t *output_after, int16_t *cell_after, void *scratch);

void itr_lstm_f32__scalar(const itr_lstm_f32_params *p, const float *in, const float *output,
                          const float *cell, const float *sequence, const float *recurrent,
                          const float *bias, float *out, float *output_after, float *cell_after,
                          void *scratch);

#endif
