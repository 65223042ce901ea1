# SPDX-License-Identifier: Apache-2.0
"""Hostile streams of frames: whole ones, damaged ones, and whole ones that lie."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from fuzzing import values
from intarsia import wire

INPUT_BYTES = 64
"""What the model behind the decoder takes."""
Body = Callable[[random.Random], bytes]


def stream(numbers: random.Random, body: Body | None = None) -> bytes:
    """One to eight frames, most of them damaged; some with noise between them, some without an end."""
    found = bytearray()
    for _ in range(numbers.randint(1, 8)):
        frame = (body or _frame)(numbers)
        kind = numbers.random()
        if kind < 0.35:
            frame = values.changed_bytes(frame, numbers, numbers.randint(1, 3))
        elif kind < 0.45:
            frame = frame[: numbers.randrange(len(frame))]
        elif kind < 0.5:
            frame = numbers.randbytes(numbers.randint(1, 40)) + frame
        found += frame
    return bytes(found)


def _frame(numbers: random.Random) -> bytes:
    """A frame whose coding is right, whatever it says."""
    message = numbers.choice((1, 1, 3, 3, 3, 9, 7, *range(12), 255))
    payload = _payload(numbers)
    length = len(payload)
    if numbers.random() < 0.1:
        length = abs(values.integer(numbers)) % (1 << 32)
    head = struct.pack("<BBI", message, numbers.choice((0, 1, 2, 255, numbers.randrange(256))), length)
    check, crc = zlib.crc32(head) & 0xFFFF, 0
    if numbers.random() < 0.05:
        check ^= 1 << numbers.randrange(16)
    body = head + struct.pack("<H", check) + payload
    crc = zlib.crc32(body) ^ (1 << numbers.randrange(32) if numbers.random() < 0.05 else 0)
    coded = wire.cobs_encode(body + struct.pack("<I", crc))
    if numbers.random() < 0.05:
        coded += b"\x01"
    return b"\0" * numbers.randrange(3) + coded + b"\0" * numbers.choice((1, 1, 1, 2, 0))


def _payload(numbers: random.Random) -> bytes:
    length = numbers.choice(
        (0, 0, 1, 2, INPUT_BYTES, INPUT_BYTES, 253, 254, 255, 256, 509, numbers.randrange(2048))
    )
    kind = numbers.randrange(3)
    if kind == 0:
        return bytes([numbers.randrange(256)]) * length
    return bytes(length) if kind == 1 else numbers.randbytes(length)


def count(data: bytes) -> int:
    """Frames that a stream holds, whole or not, that end in it."""
    return sum(map(bool, data.split(b"\0")[:-1]))
