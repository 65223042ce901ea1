# SPDX-License-Identifier: Apache-2.0
"""The device protocol: message numbers, frame layout, COBS and CRC-32.

This module is the only definition. ``protocol_header()`` writes the same numbers as C for the firmware.

A frame on the wire is ``00 COBS(header payload crc) 00 00``. The header is 8 bytes, little endian: message
type, sequence number, payload length (4 bytes), and a check of these six bytes (the low half of their
CRC-32), so that a receiver may act on a header before the frame has ended. The final CRC-32 (IEEE, as zlib)
covers header and payload. The second delimiter lets a receiver notice at once that the first was damaged.
"""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass

PROTOCOL_VERSION = 2
HEADER = struct.Struct("<BBIH")
CHECKSUM = struct.Struct("<I")
MODEL_HASH_BYTES = 16
STACK_UNKNOWN = 0xFFFFFFFF
EXIT_FAULT = 99
EXIT_NO_LINK = 98
FLAG_PROFILE = 1
"""Identity flag: results carry one tick count for each layer."""
FLAG_DUMP = 2
"""Identity flag: a TENSOR frame for every feature map comes before each result."""
TENSOR = struct.Struct("<II")
"""Layer and number of its output, before the bytes of a TENSOR payload."""

HELLO_LOOK = 1
"""Payload byte of a HELLO that starts no session: the device tells who it is, and nothing changes."""

RECEIVE_FIFO = "itr-host-to-device"
TRANSMIT_FIFO = "itr-device-to-host"
_BLOCK = 254


class Message(enum.IntEnum):
    """What a frame says. Host to device: HELLO, INFER, EXIT, STATUS; the rest answers them."""

    HELLO = 1
    IDENTITY = 2
    INFER = 3
    RESULT = 4
    NAK = 5
    FAULT = 6
    EXIT = 7
    TENSOR = 8
    STATUS = 9
    STATISTICS = 10


class Nak(enum.IntEnum):
    """Why the device refused a frame. The first four are transport damage and worth a retry."""

    CODING = 1
    HEADER = 2
    LENGTH = 3
    CHECKSUM = 4
    UNKNOWN = 5
    SIZE = 6
    LOST = 7
    SESSION = 8


TRANSPORT_NAKS = frozenset({Nak.CODING, Nak.HEADER, Nak.LENGTH, Nak.CHECKSUM})


@dataclass(frozen=True)
class Frame:
    """One undamaged frame."""

    message: int
    sequence: int
    payload: bytes


@dataclass(frozen=True)
class Damage:
    """A frame that was not one; `kind` is coding, header, length, checksum or oversize."""

    kind: str


@dataclass(frozen=True)
class Identity:
    """What a device says about itself and the model it carries.

    A count is ``ticks * ticks_per_unit[1] / ticks_per_unit[0]``, rounded to the nearest unit;
    `empty_mark_ticks` is what two successive layer marks cost. `profiled` tells whether layers are counted,
    `dumps` whether feature maps are sent.
    """

    protocol: int
    profiled: bool
    dumps: bool
    model_hash: bytes
    ticks_per_unit: tuple[int, int]
    empty_mark_ticks: int
    arena_bytes: int
    layer_count: int
    input_bytes: tuple[int, ...]
    output_bytes: tuple[int, ...]
    model: str
    board: str
    unit: str


_IDENTITY = struct.Struct("<HH16sIIIIHHHH")


def cobs_encode(data: bytes) -> bytes:
    """Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999); the result has no zero byte."""
    out = bytearray()
    for run in data.split(b"\0"):
        start = 0
        while len(run) - start >= _BLOCK:
            out.append(_BLOCK + 1)
            out += run[start : start + _BLOCK]
            start += _BLOCK
        out.append(len(run) - start + 1)
        out += run[start:]
    return bytes(out)


def cobs_decode(data: bytes) -> bytes | None:
    """Undo `cobs_encode`; None if `data` is no COBS code (a zero inside, or a block cut short)."""
    if 0 in data:
        return None
    out = bytearray()
    position = 0
    while position < len(data):
        code = data[position]
        block = data[position + 1 : position + code]
        if len(block) != code - 1:
            return None
        out += block
        position += code
        if code <= _BLOCK and position < len(data):
            out.append(0)
    return bytes(out)


def encode_frame(message: int, sequence: int, payload: bytes = b"") -> bytes:
    """The bytes of one frame, delimiters included."""
    head = struct.pack("<BBI", message, sequence, len(payload))
    body = head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + payload
    return b"\0" + cobs_encode(body + CHECKSUM.pack(zlib.crc32(body))) + b"\0\0"


def decode_frame(coded: bytes) -> Frame | Damage:
    """Judge what stood between two delimiters."""
    body = cobs_decode(coded)
    if body is None:
        return Damage("coding")
    if len(body) < HEADER.size + CHECKSUM.size:
        return Damage("length")
    message, sequence, length, check = HEADER.unpack_from(body)
    if zlib.crc32(body[: HEADER.size - 2]) & 0xFFFF != check:
        return Damage("header")
    if len(body) != HEADER.size + length + CHECKSUM.size:
        return Damage("length")
    if zlib.crc32(body[: -CHECKSUM.size]) != CHECKSUM.unpack_from(body, len(body) - CHECKSUM.size)[0]:
        return Damage("checksum")
    return Frame(message, sequence, body[HEADER.size : -CHECKSUM.size])


class FrameReceiver:
    """Cuts a byte stream into frames; holds at most `limit` bytes of an unfinished one."""

    def __init__(self, limit: int = 1 << 17) -> None:
        self.limit = limit
        self._pending = bytearray()
        self._oversize = False

    def drop(self) -> None:
        """Forget an unfinished frame: its rest will not come."""
        self._pending.clear()
        self._oversize = False

    def feed(self, data: bytes) -> list[Frame | Damage]:
        """All frames that end within `data`."""
        found: list[Frame | Damage] = []
        pieces = data.split(b"\0")
        for index, piece in enumerate(pieces):
            self._pending += piece
            if len(self._pending) > self.limit:
                self._oversize = True
                self._pending.clear()
            if index == len(pieces) - 1:
                break
            if self._oversize:
                found.append(Damage("oversize"))
            elif self._pending:
                found.append(decode_frame(bytes(self._pending)))
            self._pending.clear()
            self._oversize = False
        return found


def decode_identity(payload: bytes) -> Identity | None:
    """Read an IDENTITY payload; None if it is malformed."""
    if len(payload) < _IDENTITY.size:
        return None
    fields = _IDENTITY.unpack_from(payload)
    protocol, flags, model_hash, numerator, denominator, empty, arena, layers, inputs, outputs, _ = fields
    rest = payload[_IDENTITY.size :]
    if len(rest) < 4 * (inputs + outputs) or numerator == 0 or denominator == 0:
        return None
    sizes = struct.unpack_from(f"<{inputs + outputs}I", rest)
    names = rest[4 * len(sizes) :].split(b"\0")
    if len(names) != 4 or names[3]:
        return None
    model, board, unit = (name.decode("ascii", "replace") for name in names[:3])
    return Identity(
        protocol=protocol,
        profiled=bool(flags & FLAG_PROFILE),
        dumps=bool(flags & FLAG_DUMP),
        model_hash=model_hash,
        ticks_per_unit=(numerator, denominator),
        empty_mark_ticks=empty,
        arena_bytes=arena,
        layer_count=layers,
        input_bytes=sizes[:inputs],
        output_bytes=sizes[inputs:],
        model=model,
        board=board,
        unit=unit,
    )


def encode_identity(identity: Identity) -> bytes:
    """The IDENTITY payload, as the firmware writes it."""
    fixed = _IDENTITY.pack(
        identity.protocol,
        (FLAG_PROFILE if identity.profiled else 0) | (FLAG_DUMP if identity.dumps else 0),
        identity.model_hash,
        *identity.ticks_per_unit,
        identity.empty_mark_ticks,
        identity.arena_bytes,
        identity.layer_count,
        len(identity.input_bytes),
        len(identity.output_bytes),
        0,
    )
    sizes = identity.input_bytes + identity.output_bytes
    names = (identity.model, identity.board, identity.unit)
    return fixed + struct.pack(f"<{len(sizes)}I", *sizes) + b"".join(n.encode("ascii") + b"\0" for n in names)


def decode_fault(payload: bytes) -> tuple[tuple[str, int], ...]:
    """The registers of a FAULT payload: four-letter tags and 32-bit values."""
    whole = len(payload) - len(payload) % 8
    pairs = struct.iter_unpack("<4sI", payload[:whole])
    return tuple((tag.decode("ascii", "replace").strip(), value) for tag, value in pairs)


def decode_tensor(payload: bytes) -> tuple[int, int]:
    """Layer and number of the output of a TENSOR payload; (-1, -1) when it is cut short."""
    if len(payload) < TENSOR.size:
        return -1, -1
    layer, output = TENSOR.unpack_from(payload)
    return layer, output


def protocol_header() -> str:
    """The C header ``intarsia/protocol.h``."""
    constants = [
        ("PROTOCOL_VERSION", PROTOCOL_VERSION),
        ("FRAME_HEADER_BYTES", HEADER.size),
        ("FRAME_CHECKSUM_BYTES", CHECKSUM.size),
        ("MODEL_HASH_BYTES", MODEL_HASH_BYTES),
        ("IDENTITY_FIXED_BYTES", _IDENTITY.size),
        ("IDENTITY_FLAG_PROFILE", FLAG_PROFILE),
        ("IDENTITY_FLAG_DUMP", FLAG_DUMP),
        ("TENSOR_FIXED_BYTES", TENSOR.size),
        ("HELLO_LOOK", HELLO_LOOK),
        ("EXIT_NO_LINK", EXIT_NO_LINK),
        ("EXIT_FAULT", EXIT_FAULT),
    ]
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "// Written by intarsia.wire.protocol_header(); edit sdk/intarsia/wire.py instead.",
        "#ifndef INTARSIA_PROTOCOL_H",
        "#define INTARSIA_PROTOCOL_H",
        "",
        *(f"#define ITR_{name} {value}" for name, value in constants),
        f"#define ITR_STACK_UNKNOWN 0x{STACK_UNKNOWN:08X}u",
        f'#define ITR_RECEIVE_FIFO "{RECEIVE_FIFO}"',
        f'#define ITR_TRANSMIT_FIFO "{TRANSMIT_FIFO}"',
        "",
        *_enum_lines("itr_message", "ITR_MESSAGE", Message),
        "",
        *_enum_lines("itr_nak", "ITR_NAK", Nak),
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def _enum_lines(name: str, prefix: str, members: type[enum.IntEnum]) -> list[str]:
    return ["typedef enum {", *(f"  {prefix}_{m.name} = {m.value}," for m in members), f"}} {name};"]


if __name__ == "__main__":
    print(protocol_header(), end="")
