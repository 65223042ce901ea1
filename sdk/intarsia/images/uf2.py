# SPDX-License-Identifier: Apache-2.0
"""UF2: a file that boot loaders with a USB drive flash when it is copied there.

Source: https://github.com/microsoft/uf2 (blocks of 512 bytes, each with its own address).
"""

from __future__ import annotations

import struct

from intarsia.images.segments import Segment

BLOCK_BYTES, PAYLOAD_BYTES = 512, 256
MAGIC_START = (0x0A324655, 0x9E5D5157)
MAGIC_END = 0x0AB16F30
FLAG_FAMILY_ID = 0x00002000

_HEADER = struct.Struct("<8I")


def encode(segments: list[Segment], family: int) -> bytes:
    """The file for a chip family; every block is a whole, aligned page of flash, filled up with ones."""
    pages: dict[int, bytearray] = {}
    for segment in segments:
        for offset, byte in enumerate(segment.data):
            page, place = divmod(segment.address + offset, PAYLOAD_BYTES)
            pages.setdefault(page, bytearray(b"\xff" * PAYLOAD_BYTES))[place] = byte
    return b"".join(
        _block(page * PAYLOAD_BYTES, bytes(pages[page]), index, len(pages), family)
        for index, page in enumerate(sorted(pages))
    )


def _block(address: int, payload: bytes, index: int, count: int, family: int) -> bytes:
    header = _HEADER.pack(*MAGIC_START, FLAG_FAMILY_ID, address, PAYLOAD_BYTES, index, count, family)
    filling = bytes(BLOCK_BYTES - _HEADER.size - PAYLOAD_BYTES - 4)
    return header + payload + filling + struct.pack("<I", MAGIC_END)


def decode(data: bytes) -> tuple[list[Segment], int]:
    """Segments (one a block) and family of a file; raises ValueError naming the block that is not right."""
    if not data or len(data) % BLOCK_BYTES:
        raise ValueError(f"{len(data)} bytes are not whole blocks")
    count, found, family = len(data) // BLOCK_BYTES, [], 0
    for index in range(count):
        block = data[index * BLOCK_BYTES : (index + 1) * BLOCK_BYTES]
        first, second, flags, address, size, number, total, family = _HEADER.unpack_from(block)
        end = struct.unpack_from("<I", block, BLOCK_BYTES - 4)[0]
        if (first, second, end) != (*MAGIC_START, MAGIC_END) or flags != FLAG_FAMILY_ID:
            raise ValueError(f"block {index} is not a UF2 block with a family")
        if (number, total) != (index, count) or size != PAYLOAD_BYTES:
            raise ValueError(f"block {index} says it is {number} of {total} with {size} bytes")
        found.append(Segment(address, block[_HEADER.size : _HEADER.size + size]))
    return found, family
