// SPDX-License-Identifier: Apache-2.0
// The device's frame decoder and server under sanitizers, fed with hostile bytes.
//
// As a libFuzzer target (ITR_LIBFUZZER), each input is a stream that the server reads in pieces of
// odd sizes; what it answers must be whole frames. As a program of its own, it takes records from
// standard input, [bytes u32][mode u8][stream], and answers each with [bytes u32][answer]: in mode
// 0 what the server sent, in mode 1 what the decoder made of each frame, [status i32][type u8]
// [sequence u8][length u32][CRC-32 of the payload u32], until the stream ends.
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define main itr_device_main
#include "main.c"
#undef main
#include "frame.c"

enum { INPUT_BYTES = 61, COMMAND_BYTES = 3, STATE_BYTES = 4, PIECES = 7 };
enum { ANSWER_BYTES = 1 << 22 };

static jmp_buf ended;
static const uint8_t *stream;
static size_t stream_left;
static unsigned piece;
static uint8_t answer[ANSWER_BYTES];
static size_t answer_bytes;
static unsigned long long frames;

void itr_hal_init(void) {}

size_t itr_hal_read(void *dst, size_t max) {
  static const size_t sizes[PIECES] = {1, 255, 2, 3, 64, 1, 4096};
  size_t bytes = sizes[piece++ % PIECES];
  bytes = bytes < max ? bytes : max;
  bytes = bytes < stream_left ? bytes : stream_left;
  memcpy(dst, stream, bytes);
  stream += bytes;
  stream_left -= bytes;
  return bytes;
}

void itr_hal_write(const void *src, size_t bytes) {
  if (bytes > sizeof answer - answer_bytes) {
    longjmp(ended, 1);
  }
  memcpy(answer + answer_bytes, src, bytes);
  answer_bytes += bytes;
}

uint32_t itr_hal_counter(void) {
  return (uint32_t)answer_bytes;
}

uint32_t itr_hal_stack_bytes(void) {
  return ITR_STACK_UNKNOWN;
}

_Noreturn void itr_hal_exit(int code) {
  (void)code;
  longjmp(ended, 1);
}

static uint8_t input[INPUT_BYTES];
static uint8_t command[COMMAND_BYTES];
static uint32_t inferences;

static void reset_model(void) {
  inferences = 0;
}

static void invoke(void) {
  for (size_t i = 0; i < sizeof input; i++) {
    input[i] = (uint8_t)(input[i] + command[i % sizeof command]);
  }
  inferences++;
}

static const itr_buffer inputs[] = {{input, sizeof input}, {command, sizeof command}};
static const itr_buffer outputs[] = {{input, sizeof input}, {&inferences, STATE_BYTES}};

const itr_model fuzzed_model = {
    .name = "fuzzed",
    .init = reset_model,
    .invoke = invoke,
    .inputs = inputs,
    .outputs = outputs,
    .input_count = 2,
    .output_count = 2,
    .layer_count = 2,
    .arena_bytes = INPUT_BYTES + COMMAND_BYTES,
};

static void begin(const uint8_t *data, size_t bytes) {
  memset(&rx, 0, sizeof rx);
  memset(&tx, 0, sizeof tx);
  memset(&session, 0, sizeof session);
  stream = data;
  stream_left = bytes;
  piece = (unsigned)bytes;
  answer_bytes = 0;
  for (size_t i = 0; i < bytes; i++) {
    frames += data[i] == 0 && (i == 0 || data[i - 1] != 0);
  }
}

static void serve_stream(const uint8_t *data, size_t bytes) {
  begin(data, bytes);
  if (setjmp(ended) == 0) {
    (void)itr_device_main();
  }
}

#ifdef ITR_LIBFUZZER

static void require(bool holds) {
  if (!holds) {
    abort();
  }
}

// Whatever was sent is frames: each decoded by the device's own decoder, which other tests compare
// with that of the host.
static void check_answer(void) {
  static uint8_t sent[ANSWER_BYTES];
  size_t bytes = answer_bytes;
  memcpy(sent, answer, bytes);
  memset(&rx, 0, sizeof rx);
  stream = sent;
  stream_left = bytes;
  while (stream_left != 0 || rx.next != rx.fill) {
    itr_frame_header header;
    itr_frame_status status = itr_frame_open(&header);
    if (status == ITR_FRAME_CLOSED) {
      break; // the delimiters behind the last frame
    }
    require(status == ITR_FRAME_OK);
    require(itr_frame_read(NULL, header.length) == ITR_FRAME_OK);
    require(itr_frame_close() == ITR_FRAME_OK);
  }
}

static void tell(void) {
  fprintf(stderr, "frames: %llu\n", frames);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  return atexit(tell);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  serve_stream(data, bytes);
  check_answer();
  return 0;
}

#else

static void put(const void *src, size_t bytes) {
  memcpy(answer + answer_bytes, src, bytes);
  answer_bytes += bytes;
}

static uint32_t payload_crc(uint32_t length, itr_frame_status *status) {
  uint32_t crc = 0xFFFFFFFFu;
  while (length != 0 && *status == ITR_FRAME_OK) {
    uint8_t byte;
    *status = itr_frame_read(&byte, 1);
    if (*status == ITR_FRAME_OK) {
      crc = crc_byte(crc, byte);
      length--;
    }
  }
  return ~crc;
}

static void decode_stream(const uint8_t *data, size_t bytes) {
  begin(data, bytes);
  for (;;) {
    itr_frame_header header;
    uint32_t crc = 0;
    itr_frame_status status = itr_frame_open(&header);
    if (status == ITR_FRAME_OK) {
      crc = payload_crc(header.length, &status);
    }
    if (status == ITR_FRAME_OK) {
      status = itr_frame_close();
    }
    if (status == ITR_FRAME_CLOSED) {
      return;
    }
    const int32_t said = status;
    put(&said, sizeof said);
    put(&header.type, 1);
    put(&header.sequence, 1);
    put(&header.length, sizeof header.length);
    put(&crc, sizeof crc);
  }
}

int main(void) {
  uint8_t head[5];
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    uint32_t bytes = load_u32(head);
    uint8_t *record = malloc(bytes + 1u); // of the exact size, so that reads behind it are seen
    if (record == NULL || fread(record, 1, bytes, stdin) != bytes) {
      return 2;
    }
    if (head[4] == 0) {
      serve_stream(record, bytes);
    } else {
      decode_stream(record, bytes);
    }
    free(record);
    uint8_t size[4];
    store_u32(size, (uint32_t)answer_bytes);
    fwrite(size, 1, sizeof size, stdout);
    fwrite(answer, 1, answer_bytes, stdout);
    fflush(stdout);
  }
  return 0;
}

#endif
