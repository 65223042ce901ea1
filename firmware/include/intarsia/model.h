// SPDX-License-Identifier: Apache-2.0
// How a generated model shows itself to the runtime.
#ifndef INTARSIA_MODEL_H
#define INTARSIA_MODEL_H

#include <stdint.h>

typedef struct {
  void *data;
  uint32_t bytes;
} itr_buffer;

typedef struct {
  const char *name;     // C identifier
  uint8_t hash[16];     // first 16 bytes of the SHA-256 of the quantized graph
  void (*init)(void);   // resets the model's state
  void (*invoke)(void); // one inference; consumes the inputs
  const itr_buffer *inputs;
  const itr_buffer *outputs;
  uint16_t input_count;
  uint16_t output_count;
  uint16_t layer_count;
  uint32_t arena_bytes;
} itr_model;

#endif
