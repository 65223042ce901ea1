// SPDX-License-Identifier: Apache-2.0
// Speaks the serial protocol of MLPerf Tiny, so that the benchmark's own runner measures this
// firmware. Source: https://github.com/mlcommons/tiny, benchmark/api (commands end in '%', answers
// in "m-ready").
#include <stdbool.h>
#include <string.h>

#include "harness.h"
#include "intarsia/hal.h"
#include "intarsia/model.h"

extern const itr_model ITR_MODEL;

enum { COMMAND_BYTES = 160, DEFAULT_WARMUPS = 10, HEX_PER_LINE = 8 };

static struct {
  uint8_t raw[ITR_HARNESS_RAW_BYTES]; // as the runner sent them
  uint32_t expected;
  uint32_t filled;
  uint64_t ticks;
  uint32_t last;
} state;

static uint32_t length_of(const volatile char *text) { // volatile: no call of strlen
  uint32_t length = 0;
  while (text[length] != '\0') {
    length++;
  }
  return length;
}

static void put(const char *text) {
  itr_hal_write(text, length_of(text));
}

static void put_number(uint64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0);
  itr_hal_write(digits + at, sizeof digits - at);
}

static void put_hex(uint8_t byte) {
  static const char digits[] = "0123456789abcdef";
  const char text[2] = {digits[byte >> 4], digits[byte & 15]};
  itr_hal_write(text, sizeof text);
}

// Three decimals, rounded to the nearest.
static void put_thousandths(float value) {
  if (value < 0.0f) {
    put("-");
    value = -value;
  }
  const uint32_t thousandths = (uint32_t)(value * 1000.0f + 0.5f);
  const char decimals[4] = {'.', (char)('0' + thousandths / 100 % 10),
                            (char)('0' + thousandths / 10 % 10), (char)('0' + thousandths % 10)};
  put_number(thousandths / 1000);
  itr_hal_write(decimals, sizeof decimals);
}

// Called often enough that the counter wraps at most once in between.
static void advance(void) {
  const uint32_t now = itr_hal_counter();
  state.ticks += now - state.last;
  state.last = now;
}

static void put_timestamp(void) {
  advance();
  const uint64_t seconds = state.ticks / ITR_TICKS_PER_SECOND;
  const uint64_t rest = state.ticks % ITR_TICKS_PER_SECOND;
  put("m-lap-us-");
  put_number(seconds * 1000000u + rest * 1000000u / ITR_TICKS_PER_SECOND);
  put("\r\n");
}

static float sent_value(uint32_t index) {
  float value;
  memcpy(&value, state.raw + 4 * index, sizeof value);
  return value;
}

// Before every inference: it consumes its input.
static void load_input(void) {
  int8_t *input = ITR_MODEL.inputs[0].data;
  for (uint32_t i = 0; i < ITR_HARNESS_INPUTS; i++) {
#if ITR_HARNESS_FORMAT == ITR_HARNESS_UINT8
    input[i] = (int8_t)((int)state.raw[i] - 128);
#elif ITR_HARNESS_FORMAT == ITR_HARNESS_FLOAT32
    const float scaled = sent_value(i) / ITR_HARNESS_INPUT_SCALE + (float)ITR_HARNESS_INPUT_ZERO;
    const float rounded = scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f;
    input[i] = (int8_t)(rounded < -128.0f ? -128.0f : rounded > 127.0f ? 127.0f : rounded);
#else
    memcpy(input + i, state.raw + i, 1);
#endif
  }
}

static float output_value(uint32_t index) {
  const int8_t *output = ITR_MODEL.outputs[0].data;
  return (float)(output[index] - ITR_HARNESS_OUTPUT_ZERO) * ITR_HARNESS_OUTPUT_SCALE;
}

static void put_results(void) {
  put("m-results-[");
  if (ITR_HARNESS_MEAN_SQUARED_ERROR) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < ITR_HARNESS_OUTPUTS; i++) {
      const float difference = output_value(i) - sent_value(i);
      sum += difference * difference;
    }
    put_thousandths(sum / (float)ITR_HARNESS_OUTPUTS);
  } else {
    for (uint32_t i = 0; i < ITR_HARNESS_OUTPUTS; i++) {
      put(i == 0 ? "" : ",");
      put_thousandths(output_value(i));
    }
  }
  put("]\r\n");
}

static void run(uint32_t times) {
  while (times-- != 0) {
    load_input();
    ITR_MODEL.invoke();
    advance();
  }
}

static void infer(uint32_t times, uint32_t warmups) {
  put("m-warmup-start-");
  put_number(warmups);
  put("\r\n");
  run(warmups);
  put("m-warmup-done\r\nm-infer-start-");
  put_number(times);
  put("\r\n");
  put_timestamp();
  run(times);
  put_timestamp();
  put("m-infer-done\r\n");
  put_results();
}

// The next word of a command; the text moves on behind it.
static const char *word(char **text) {
  while (**text == ' ' || **text == '\r' || **text == '\n') {
    (*text)++;
  }
  const char *start = *text;
  while (**text != '\0' && **text != ' ') {
    (*text)++;
  }
  if (**text != '\0') {
    *(*text)++ = '\0';
  }
  return start;
}

static bool same(const char *a, const char *b) {
  while (*a != '\0' && *a == *b) {
    a++, b++;
  }
  return *a == *b;
}

// A decimal number; `otherwise` if there is no word, and false if it is none.
static bool number(const char *text, uint32_t otherwise, uint32_t *value) {
  *value = *text == '\0' ? otherwise : 0;
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9' || *value > 100000000u) {
      return false;
    }
    *value = *value * 10 + (uint32_t)(*text - '0');
  }
  return true;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void begin_load(const char *size) {
  if (!number(size, 0, &state.expected) || state.expected == 0) {
    put("e-[Command 'db load' must be >0 bytes]\r\n");
  } else if (state.expected > sizeof state.raw) {
    put("e-[This model takes ");
    put_number(sizeof state.raw);
    put(" bytes]\r\n");
    state.expected = 0;
  } else {
    put("m-[Expecting ");
    put_number(state.expected);
    put(" bytes]\r\n");
  }
  state.filled = 0;
}

static void load(const char *digits) {
  for (; *digits != '\0' && state.filled < state.expected; digits += 2) {
    const int high = hex_digit(digits[0]), low = digits[0] == '\0' ? -1 : hex_digit(digits[1]);
    if (high < 0 || low < 0) {
      put("e-[Invalid hex digits]\r\n");
      return;
    }
    state.raw[state.filled++] = (uint8_t)(high << 4 | low);
    if (state.filled == state.expected) {
      put("m-load-done\r\n");
    }
  }
}

static void print(void) {
  for (uint32_t i = 0; i < state.expected; i++) {
    put(i % HEX_PER_LINE == 0 ? "m-buffer-" : "-");
    put_hex(state.raw[i]);
    put((i + 1) % HEX_PER_LINE == 0 || i + 1 == state.expected ? "\r\n" : "");
  }
}

static void serve_buffer(char *rest) {
  const char *what = word(&rest);
  if (*what == '\0') {
    put("e-[Command 'db' requires a subcommand]\r\n");
  } else if (same(what, "load")) {
    begin_load(word(&rest));
  } else if (same(what, "print")) {
    print();
  } else {
    load(what);
  }
}

static void serve_infer(char *rest) {
  uint32_t times, warmups;
  if (!number(word(&rest), 1, &times) || times == 0) {
    put("e-[Inference iterations must be >0]\r\n");
  } else if (!number(word(&rest), DEFAULT_WARMUPS, &warmups)) {
    put("e-[Inference warmup must be >=0]\r\n");
  } else {
    infer(times, warmups);
  }
}

static void serve(char *command) {
  const char *name = word(&command);
  if (same(name, "name")) {
    put("m-name-dut-[Intarsia " ITR_BOARD_NAME "]\r\n");
  } else if (same(name, "timestamp")) {
    put_timestamp();
  } else if (same(name, "profile")) {
    put("m-profile-[MLPerf Tiny Firmware V0.1.0]\r\nm-model-[" ITR_HARNESS_MODEL "]\r\n");
  } else if (same(name, "help")) {
    put("name, timestamp, profile, db load N, db HH.., db print, infer N [W], results; each ends "
        "in %\r\n");
  } else if (same(name, "db")) {
    serve_buffer(command);
  } else if (same(name, "infer")) {
    serve_infer(command);
  } else if (same(name, "results")) {
    put_results();
  } else {
    put("e-[Unknown command: ");
    put(name);
    put("]\r\n");
  }
  put("m-ready\r\n");
}

_Noreturn void itr_fault(const itr_fault_register *registers, size_t count) {
  put("e-[Fault");
  for (size_t i = 0; i < count; i++) {
    put(" ");
    itr_hal_write(registers[i].tag, sizeof registers[i].tag);
    for (int shift = 24; shift >= 0; shift -= 8) {
      put_hex((uint8_t)(registers[i].value >> shift));
    }
  }
  put("]\r\n");
  itr_hal_exit(1);
}

int main(void) {
  static char command[COMMAND_BYTES + 1];
  size_t length = 0;
  itr_hal_init();
  ITR_MODEL.init();
  put("m-init-done\r\nm-ready\r\n");
  for (;;) {
    char byte;
    if (itr_hal_read(&byte, 1) == 0) {
      return 0;
    }
    if (byte == '%') {
      command[length] = '\0';
      length = 0;
      serve(command);
    } else if (length < COMMAND_BYTES) {
      command[length++] = byte;
    }
  }
}
