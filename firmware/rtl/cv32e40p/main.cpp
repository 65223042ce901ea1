// SPDX-License-Identifier: Apache-2.0
// Runs the board: loads an image, then clocks the core and serves its host port on standard input
// and output. An image is a sequence of segments: address (4), length (4), bytes; numbers little
// endian.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "Vboard.h"
#include "Vboard___024root.h"
#include "verilated.h"

namespace {

constexpr uint32_t MEMORY_BASE = 0x80000000u;
constexpr uint32_t MEMORY_BYTES = 1u << 24;
constexpr int RESET_CYCLES = 4;
constexpr int BAD_IMAGE = 2;

enum Command : uint32_t { COMMAND_READ = 1, COMMAND_WRITE = 2, COMMAND_EXIT = 3 };

// The piece of memory at an address; null where it is not all inside.
uint8_t *memory_at(Vboard &board, uint32_t address, uint32_t bytes) {
  const uint32_t offset = address - MEMORY_BASE;
  if (offset > MEMORY_BYTES || bytes > MEMORY_BYTES - offset) {
    return nullptr;
  }
  return reinterpret_cast<uint8_t *>(&board.rootp->board__DOT__memory[0]) + offset;
}

bool load(Vboard &board, const char *path) {
  FILE *file = std::fopen(path, "rb");
  if (file == nullptr) {
    return false;
  }
  uint32_t head[2];
  bool good = true;
  while (good && std::fread(head, sizeof head, 1, file) == 1) {
    uint8_t *to = memory_at(board, head[0], head[1]);
    good = to != nullptr && std::fread(to, 1, head[1], file) == head[1];
  }
  std::fclose(file);
  return good;
}

void write_all(const uint8_t *from, uint32_t bytes) {
  while (bytes != 0) {
    const ssize_t written = write(STDOUT_FILENO, from, bytes);
    if (written <= 0) {
      return;
    }
    from += written;
    bytes -= static_cast<uint32_t>(written);
  }
}

void serve(Vboard &board) {
  uint8_t *block = memory_at(board, board.host_address_o, board.host_length_o);
  if (block == nullptr) {
    std::fprintf(stderr, "host port: block at 0x%08x is outside memory\n", board.host_address_o);
    _exit(BAD_IMAGE);
  }
  if (board.host_code_o == COMMAND_READ) {
    const ssize_t got = read(STDIN_FILENO, block, board.host_length_o);
    board.host_result_i = got < 0 ? 0 : static_cast<uint32_t>(got);
  } else if (board.host_code_o == COMMAND_WRITE) {
    write_all(block, board.host_length_o);
  }
}

void tick(Vboard &board) {
  board.clk_i = 0;
  board.eval();
  board.clk_i = 1;
  board.eval();
}

} // namespace

double sc_time_stamp() {
  return 0;
}

int main(int argc, char **argv) {
  Vboard board;
  if (argc != 2 || !load(board, argv[1])) {
    std::fprintf(stderr, "no image, or one that leaves memory\n");
    return BAD_IMAGE;
  }
  board.rst_ni = 0;
  for (int cycle = 0; cycle < RESET_CYCLES; cycle++) {
    tick(board);
  }
  board.rst_ni = 1;
  for (;;) {
    tick(board);
    if (board.host_command_o) {
      if (board.host_code_o == COMMAND_EXIT) {
        // Without tearing down: the exit code is in the length register.
        _exit(static_cast<int>(board.host_length_o & 0xff));
      }
      serve(board);
    }
  }
}
