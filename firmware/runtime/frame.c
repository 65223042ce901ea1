// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

#include <stdbool.h>

#include "intarsia/hal.h"

#ifndef ITR_LINK_BUFFER
#define ITR_LINK_BUFFER 256
#endif

enum { COBS_BLOCK = 255, CHECK_OFFSET = ITR_FRAME_HEADER_BYTES - 2 };

static uint32_t crc_byte(uint32_t crc, uint8_t byte) {
  // CRC-32 (IEEE, reflected), four bits at a time: a 64-byte table instead of 1 KB.
  static const uint32_t table[16] = {
      0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
      0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
      0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
  };
  crc ^= byte;
  crc = (crc >> 4) ^ table[crc & 15u];
  return (crc >> 4) ^ table[crc & 15u];
}

static void store_u32(uint8_t *dst, uint32_t value) {
  for (int i = 0; i < 4; i++) {
    dst[i] = (uint8_t)(value >> (8 * i));
  }
}

static uint32_t load_u32(const uint8_t *src) {
  return (uint32_t)src[0] | (uint32_t)src[1] << 8 | (uint32_t)src[2] << 16 | (uint32_t)src[3] << 24;
}

static struct {
  uint8_t buffer[ITR_LINK_BUFFER];
  size_t fill;
  size_t next;
  uint32_t crc;
  uint8_t block_left; // data bytes still to come in the current COBS block
  bool zero_follows;  // the current block stands for a zero behind it, unless the frame ends
  bool inside_frame;  // the last byte taken was no delimiter
} rx;

static bool refill(void) {
  if (rx.next == rx.fill) {
    rx.next = 0;
    rx.fill = itr_hal_read(rx.buffer, sizeof rx.buffer);
  }
  return rx.fill != 0;
}

static int raw_byte(void) {
  if (!refill()) {
    return ITR_FRAME_CLOSED;
  }
  uint8_t byte = rx.buffer[rx.next++];
  rx.inside_frame = byte != 0;
  return byte;
}

static void take(uint8_t **dst, uint8_t byte) {
  rx.crc = crc_byte(rx.crc, byte);
  if (*dst != NULL) {
    *(*dst)++ = byte;
  }
}

// Copies what the current block and the link buffer hold, at most `bytes`; returns how much it was,
// 0 if a delimiter cuts the block short.
static uint32_t take_span(uint8_t **dst, uint32_t bytes) {
  const uint8_t *src = rx.buffer + rx.next;
  uint32_t span = bytes < rx.block_left ? bytes : rx.block_left;
  if (span > rx.fill - rx.next) {
    span = (uint32_t)(rx.fill - rx.next);
  }
  for (uint32_t i = 0; i < span; i++) {
    if (src[i] == 0) {
      rx.next += i + 1;
      rx.inside_frame = false;
      return 0;
    }
    take(dst, src[i]);
  }
  rx.next += span;
  rx.block_left = (uint8_t)(rx.block_left - span);
  return span;
}

itr_frame_status itr_frame_read(void *dst, uint32_t bytes) {
  uint8_t *out = dst;
  while (bytes != 0) {
    if (rx.block_left == 0) {
      int code = raw_byte();
      if (code <= 0) {
        return code == 0 ? ITR_NAK_LENGTH : ITR_FRAME_CLOSED;
      }
      if (rx.zero_follows) {
        take(&out, 0);
        bytes--;
      }
      rx.zero_follows = code != COBS_BLOCK;
      rx.block_left = (uint8_t)(code - 1);
    } else {
      if (!refill()) {
        return ITR_FRAME_CLOSED;
      }
      uint32_t span = take_span(&out, bytes);
      if (span == 0) {
        return ITR_NAK_CODING;
      }
      bytes -= span;
    }
  }
  return ITR_FRAME_OK;
}

itr_frame_status itr_frame_open(itr_frame_header *header) {
  int code;
  while (rx.inside_frame) {
    if (raw_byte() < 0) {
      return ITR_FRAME_CLOSED;
    }
  }
  do {
    code = raw_byte();
  } while (code == 0);
  if (code < 0) {
    return ITR_FRAME_CLOSED;
  }
  rx.zero_follows = code != COBS_BLOCK;
  rx.block_left = (uint8_t)(code - 1);
  rx.crc = 0xFFFFFFFFu;
  *header = (itr_frame_header){0};

  uint8_t raw[ITR_FRAME_HEADER_BYTES];
  itr_frame_status status = itr_frame_read(raw, CHECK_OFFSET);
  if (status != ITR_FRAME_OK) {
    return status;
  }
  uint32_t check = ~rx.crc & 0xFFFFu;
  status = itr_frame_read(raw + CHECK_OFFSET, ITR_FRAME_HEADER_BYTES - CHECK_OFFSET);
  if (status != ITR_FRAME_OK) {
    return status;
  }
  if (check != ((uint32_t)raw[CHECK_OFFSET] | (uint32_t)raw[CHECK_OFFSET + 1] << 8)) {
    return ITR_NAK_HEADER;
  }
  header->type = raw[0];
  header->sequence = raw[1];
  header->length = load_u32(raw + 2);
  return ITR_FRAME_OK;
}

itr_frame_status itr_frame_close(void) {
  uint32_t expected = ~rx.crc;
  uint8_t raw[ITR_FRAME_CHECKSUM_BYTES];
  itr_frame_status status = itr_frame_read(raw, sizeof raw);
  if (status != ITR_FRAME_OK) {
    return status;
  }
  // An encoder that ends on a full block may add an empty one, which holds no data.
  int end = raw_byte();
  if (end == 1 && !rx.zero_follows && rx.block_left == 0) {
    end = raw_byte();
  }
  if (end != 0) {
    return end < 0 ? ITR_FRAME_CLOSED : ITR_NAK_LENGTH;
  }
  if (rx.block_left != 0) {
    return ITR_NAK_CODING;
  }
  return load_u32(raw) == expected ? ITR_FRAME_OK : ITR_NAK_CHECKSUM;
}

static struct {
  uint8_t buffer[ITR_LINK_BUFFER + COBS_BLOCK];
  size_t fill;
  size_t code_at; // where the length of the open COBS block belongs
  uint32_t crc;
} tx;

static void flush(void) {
  itr_hal_write(tx.buffer, tx.fill);
  tx.fill = 0;
}

static void close_block(void) {
  tx.buffer[tx.code_at] = (uint8_t)(tx.fill - tx.code_at);
}

static void open_block(void) {
  if (tx.fill >= ITR_LINK_BUFFER) {
    flush();
  }
  tx.code_at = tx.fill++;
}

void itr_frame_put(const void *src, size_t bytes) {
  const uint8_t *in = src;
  for (size_t i = 0; i < bytes; i++) {
    tx.crc = crc_byte(tx.crc, in[i]);
    if (in[i] != 0) {
      tx.buffer[tx.fill++] = in[i];
    }
    if (in[i] == 0 || tx.fill - tx.code_at == COBS_BLOCK) {
      close_block();
      open_block();
    }
  }
}

void itr_frame_put_u32(uint32_t value) {
  uint8_t raw[4];
  store_u32(raw, value);
  itr_frame_put(raw, sizeof raw);
}

void itr_frame_begin(itr_message type, uint8_t sequence, uint32_t length) {
  uint8_t raw[ITR_FRAME_HEADER_BYTES] = {(uint8_t)type, sequence};
  store_u32(raw + 2, length);
  tx.buffer[0] = 0;
  tx.fill = 1;
  tx.crc = 0xFFFFFFFFu;
  open_block();
  itr_frame_put(raw, CHECK_OFFSET);
  uint32_t check = ~tx.crc;
  raw[CHECK_OFFSET] = (uint8_t)check;
  raw[CHECK_OFFSET + 1] = (uint8_t)(check >> 8);
  itr_frame_put(raw + CHECK_OFFSET, ITR_FRAME_HEADER_BYTES - CHECK_OFFSET);
}

void itr_frame_end(void) {
  static const uint8_t delimiters[2] = {0, 0};
  itr_frame_put_u32(~tx.crc);
  close_block();
  flush();
  itr_hal_write(delimiters, sizeof delimiters);
}
