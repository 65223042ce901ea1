// SPDX-License-Identifier: Apache-2.0
// The device's side of the protocol: waits for the host, runs the model, answers.
#include <stdbool.h>

#include "dump_session.h"
#include "frame.h"
#include "intarsia/hal.h"
#include "intarsia/model.h"
#include "profile_ticks.h"

extern const itr_model ITR_MODEL;

static const itr_model *const model = &ITR_MODEL;

static struct {
  uint32_t empty_mark_ticks;
  uint32_t inferences; // since the start
  uint32_t damaged;    // frames refused since the start
  bool open;           // the host has said hello
  uint8_t completed;   // sequence number of the last inference
  bool any_completed;
  bool result_intact; // its outputs are still in memory
} session;

static uint32_t total_bytes(const itr_buffer *buffers, uint16_t count) {
  uint32_t total = 0;
  for (uint16_t i = 0; i < count; i++) {
    total += buffers[i].bytes;
  }
  return total;
}

// Volatile, lest the compiler turn the loop into a call of strlen.
static uint32_t text_bytes(const volatile char *text) {
  uint32_t bytes = 1;
  while (text[bytes - 1] != '\0') {
    bytes++;
  }
  return bytes;
}

static void put_u16_pair(uint32_t low, uint32_t high) {
  itr_frame_put_u32(low | high << 16);
}

static void put_sizes(const itr_buffer *buffers, uint16_t count) {
  for (uint16_t i = 0; i < count; i++) {
    itr_frame_put_u32(buffers[i].bytes);
  }
}

static void send_identity(uint8_t sequence) {
  const char *const names[3] = {model->name, ITR_BOARD_NAME, ITR_COUNTER_UNIT};
  uint32_t length = ITR_IDENTITY_FIXED_BYTES;
  length += 4u * ((uint32_t)model->input_count + model->output_count);
  for (int i = 0; i < 3; i++) {
    length += text_bytes(names[i]);
  }
  itr_frame_begin(ITR_MESSAGE_IDENTITY, sequence, length);
  put_u16_pair(ITR_PROTOCOL_VERSION, (ITR_PROFILE ? ITR_IDENTITY_FLAG_PROFILE : 0u) |
                                         (ITR_DUMP ? ITR_IDENTITY_FLAG_DUMP : 0u));
  itr_frame_put(model->hash, sizeof model->hash);
  itr_frame_put_u32(ITR_TICKS_NUMERATOR);
  itr_frame_put_u32(ITR_TICKS_DENOMINATOR);
  itr_frame_put_u32(session.empty_mark_ticks);
  itr_frame_put_u32(model->arena_bytes);
  put_u16_pair(model->layer_count, model->input_count);
  put_u16_pair(model->output_count, 0);
  put_sizes(model->inputs, model->input_count);
  put_sizes(model->outputs, model->output_count);
  for (int i = 0; i < 3; i++) {
    itr_frame_put(names[i], text_bytes(names[i]));
  }
  itr_frame_end();
}

enum { MEASURED_BYTES = 4 + (ITR_PROFILE ? 4 * ITR_LAYER_COUNT : 0) };

static void put_measured(void) {
  itr_frame_put_u32(itr_hal_stack_bytes());
#if ITR_PROFILE
  for (uint32_t layer = 0; layer < ITR_LAYER_COUNT; layer++) {
    itr_frame_put_u32(itr_profile_ticks(layer));
  }
#endif
}

static void send_result(uint8_t sequence) {
  uint32_t length = MEASURED_BYTES + total_bytes(model->outputs, model->output_count);
  itr_frame_begin(ITR_MESSAGE_RESULT, sequence, length);
  put_measured();
  for (uint16_t i = 0; i < model->output_count; i++) {
    itr_frame_put(model->outputs[i].data, model->outputs[i].bytes);
  }
  itr_frame_end();
}

static void send_statistics(uint8_t sequence) {
  itr_frame_begin(ITR_MESSAGE_STATISTICS, sequence, 8 + MEASURED_BYTES);
  itr_frame_put_u32(session.inferences);
  itr_frame_put_u32(session.damaged);
  put_measured();
  itr_frame_end();
}

static void send_nak(uint8_t sequence, int reason) {
  uint8_t payload = (uint8_t)reason;
  itr_frame_begin(ITR_MESSAGE_NAK, sequence, 1);
  itr_frame_put(&payload, 1);
  itr_frame_end();
}

static itr_frame_status drop_payload(const itr_frame_header *header) {
  itr_frame_status status = itr_frame_read(NULL, header->length);
  return status == ITR_FRAME_OK ? itr_frame_close() : status;
}

static itr_frame_status refuse_size(const itr_frame_header *header) {
  itr_frame_status status = drop_payload(header);
  return status == ITR_FRAME_OK ? ITR_NAK_SIZE : status;
}

static itr_frame_status receive_inputs(void) {
  for (uint16_t i = 0; i < model->input_count; i++) {
    itr_frame_status status = itr_frame_read(model->inputs[i].data, model->inputs[i].bytes);
    if (status != ITR_FRAME_OK) {
      return status;
    }
  }
  return itr_frame_close();
}

// A repeated request means that its result was lost on the way: the model may have a state, so it
// must not run again.
static itr_frame_status repeat_result(const itr_frame_header *header) {
  itr_frame_status status = drop_payload(header);
  if (status == ITR_FRAME_OK) {
    if (!session.result_intact) {
      return ITR_NAK_LOST;
    }
    send_result(header->sequence);
  }
  return status;
}

static itr_frame_status serve_infer(const itr_frame_header *header) {
  if (session.any_completed && header->sequence == session.completed) {
    return repeat_result(header);
  }
  if (header->length != total_bytes(model->inputs, model->input_count)) {
    return refuse_size(header);
  }
  if (!session.open) {
    itr_frame_status status = drop_payload(header);
    return status == ITR_FRAME_OK ? ITR_NAK_SESSION : status;
  }
  session.result_intact = false; // inputs and outputs may share memory
  itr_frame_status status = receive_inputs();
  if (status != ITR_FRAME_OK) {
    return status;
  }
#if ITR_PROFILE
  itr_profile_start(session.empty_mark_ticks);
#endif
#if ITR_DUMP
  itr_dump_start(header->sequence);
#endif
  model->invoke();
  session.inferences++;
  session.completed = header->sequence;
  session.any_completed = true;
  session.result_intact = true;
  send_result(header->sequence);
  return ITR_FRAME_OK;
}

static itr_frame_status serve_hello(const itr_frame_header *header) {
  uint8_t what = 0;
  if (header->length > sizeof what) {
    return refuse_size(header);
  }
  itr_frame_status status = itr_frame_read(&what, header->length);
  if (status == ITR_FRAME_OK) {
    status = itr_frame_close();
  }
  if (status != ITR_FRAME_OK) {
    return status;
  }
  if (what != ITR_HELLO_LOOK) {
    session.any_completed = false;
    session.open = true;
    model->init();
  }
  send_identity(header->sequence);
  return ITR_FRAME_OK;
}

static itr_frame_status serve_status(const itr_frame_header *header) {
  itr_frame_status status = drop_payload(header);
  if (status == ITR_FRAME_OK) {
    send_statistics(header->sequence);
  }
  return status;
}

static itr_frame_status serve_exit(const itr_frame_header *header) {
  uint8_t code = 0;
  if (header->length != sizeof code) {
    return refuse_size(header);
  }
  itr_frame_status status = itr_frame_read(&code, sizeof code);
  if (status == ITR_FRAME_OK) {
    status = itr_frame_close();
  }
  if (status == ITR_FRAME_OK) {
    itr_frame_begin(ITR_MESSAGE_EXIT, header->sequence, 0);
    itr_frame_end();
    itr_hal_exit(code);
  }
  return status;
}

static itr_frame_status serve(const itr_frame_header *header) {
  switch (header->type) {
  case ITR_MESSAGE_HELLO:
    return serve_hello(header);
  case ITR_MESSAGE_INFER:
    return serve_infer(header);
  case ITR_MESSAGE_STATUS:
    return serve_status(header);
  case ITR_MESSAGE_EXIT:
    return serve_exit(header);
  default: {
    itr_frame_status status = drop_payload(header);
    return status == ITR_FRAME_OK ? ITR_NAK_UNKNOWN : status;
  }
  }
}

// Not inlined, so that nothing of the caller is moved between the marks.
__attribute__((noinline)) static void measure_empty_mark(void) {
#if ITR_PROFILE
  itr_profile_start(0);
  ITR_MARK(0);
  ITR_MARK(1);
  session.empty_mark_ticks = itr_profile_ticks(0);
#endif
}

_Noreturn void itr_fault(const itr_fault_register *registers, size_t count) {
  itr_frame_begin(ITR_MESSAGE_FAULT, 0, (uint32_t)(count * 8));
  for (size_t i = 0; i < count; i++) {
    itr_frame_put(registers[i].tag, sizeof registers[i].tag);
    itr_frame_put_u32(registers[i].value);
  }
  itr_frame_end();
  itr_hal_exit(ITR_EXIT_FAULT);
}

int main(void) {
  itr_hal_init();
  model->init();
  measure_empty_mark();
  for (;;) {
    itr_frame_header header;
    itr_frame_status status = itr_frame_open(&header);
    if (status == ITR_FRAME_OK) {
      status = serve(&header);
    }
    if (status == ITR_FRAME_CLOSED) {
      return 0;
    }
    if (status != ITR_FRAME_OK) {
      session.damaged += status <= ITR_NAK_CHECKSUM;
      send_nak(header.sequence, status);
    }
  }
}
