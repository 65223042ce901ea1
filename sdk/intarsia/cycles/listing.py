# SPDX-License-Identifier: Apache-2.0
"""The instructions of a firmware, as the disassembler lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from intarsia import programs
from intarsia.errors import StageError
from intarsia.runners.base import require_tool
from intarsia.stack import DISASSEMBLERS, DISASSEMBLY_SECONDS

_LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+)\t(\S+)(?:\t([^;@<]*))?")


@dataclass(frozen=True)
class Instruction:
    """One instruction; `operands` without comments."""

    address: int
    size: int
    mnemonic: str
    operands: str

    @property
    def end(self) -> int:
        return self.address + self.size


def parse(text: str) -> dict[int, Instruction]:
    """Instructions by address."""
    found = {}
    for line in text.splitlines():
        if match := _LINE.match(line):
            address, size = int(match[1], 16), len(match[2].replace(" ", "")) // 2
            found[address] = Instruction(address, size, match[3], (match[4] or "").strip())
    return found


def read(elf: Path, arch: str) -> dict[int, Instruction]:
    """Instructions of a firmware by address. Raises EnvironmentMissing without the disassembler, and StageError."""
    program, install = DISASSEMBLERS[arch]
    command = [require_tool(program, install), "-d", str(elf)]
    done = programs.run(command, DISASSEMBLY_SECONDS)
    if done.code != 0:
        raise StageError(f"{program} cannot read {elf.name}: {done.err.strip()}")
    return parse(done.out)
