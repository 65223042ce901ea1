# SPDX-License-Identifier: Apache-2.0
"""What of an ELF file has to lie in flash, by its load address."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from intarsia.errors import StageError

_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Segment:
    """Bytes, and the address they are loaded to."""

    address: int
    data: bytes


def read(elf: Path) -> list[Segment]:
    """Segments with contents, by address. Raises StageError if there are none or they overlap."""
    with elf.open("rb") as stream:
        found = [
            Segment(segment["p_paddr"], segment.data())
            for segment in ELFFile(stream).iter_segments("PT_LOAD")
            if segment["p_filesz"]
        ]
    found.sort(key=lambda segment: segment.address)
    if not found:
        raise StageError(f"{elf} holds nothing to load", hint="build the project again")
    for first, second in itertools.pairwise(found):
        if first.address + len(first.data) > second.address:
            raise StageError(
                f"{elf}: segments overlap at 0x{second.address:08x}", hint="correct the board's link.ld"
            )
    return found


def flat(segments: list[Segment]) -> Segment:
    """One segment, gaps filled with ones as erased flash is. Raises StageError if it would be huge."""
    start = segments[0].address
    size = segments[-1].address + len(segments[-1].data) - start
    if size > _MOST_BYTES:
        raise StageError(f"the firmware spans {size:,} bytes", hint="correct the board's link.ld")
    data = bytearray(b"\xff" * size)
    for segment in segments:
        offset = segment.address - start
        data[offset : offset + len(segment.data)] = segment.data
    return Segment(start, bytes(data))
