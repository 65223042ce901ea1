// SPDX-License-Identifier: Apache-2.0
// Written by intarsia.wire.protocol_header(); edit sdk/intarsia/wire.py instead.
#ifndef INTARSIA_PROTOCOL_H
#define INTARSIA_PROTOCOL_H

#define ITR_PROTOCOL_VERSION 2
#define ITR_FRAME_HEADER_BYTES 8
#define ITR_FRAME_CHECKSUM_BYTES 4
#define ITR_MODEL_HASH_BYTES 16
#define ITR_IDENTITY_FIXED_BYTES 44
#define ITR_IDENTITY_FLAG_PROFILE 1
#define ITR_IDENTITY_FLAG_DUMP 2
#define ITR_TENSOR_FIXED_BYTES 8
#define ITR_HELLO_LOOK 1
#define ITR_EXIT_NO_LINK 98
#define ITR_EXIT_FAULT 99
#define ITR_STACK_UNKNOWN 0xFFFFFFFFu
#define ITR_RECEIVE_FIFO "itr-host-to-device"
#define ITR_TRANSMIT_FIFO "itr-device-to-host"

typedef enum {
  ITR_MESSAGE_HELLO = 1,
  ITR_MESSAGE_IDENTITY = 2,
  ITR_MESSAGE_INFER = 3,
  ITR_MESSAGE_RESULT = 4,
  ITR_MESSAGE_NAK = 5,
  ITR_MESSAGE_FAULT = 6,
  ITR_MESSAGE_EXIT = 7,
  ITR_MESSAGE_TENSOR = 8,
  ITR_MESSAGE_STATUS = 9,
  ITR_MESSAGE_STATISTICS = 10,
} itr_message;

typedef enum {
  ITR_NAK_CODING = 1,
  ITR_NAK_HEADER = 2,
  ITR_NAK_LENGTH = 3,
  ITR_NAK_CHECKSUM = 4,
  ITR_NAK_UNKNOWN = 5,
  ITR_NAK_SIZE = 6,
  ITR_NAK_LOST = 7,
  ITR_NAK_SESSION = 8,
} itr_nak;

#endif
