# SPDX-License-Identifier: Apache-2.0
"""Flash that a kernel's source will take, estimated from its text before anything is compiled."""

from __future__ import annotations

import re
from functools import cache

from intarsia_codegen.generated import COMPILED, SourceFile

INSTRUCTION_BYTES = 4
"""Most instructions of the assembler sources are this long; C code counts by its lines with a semicolon."""

STATEMENT_BYTES = 8
"""Of Thumb or compressed RISC-V code for one C statement, on the average of the drivers of this package."""

_ARRAY = re.compile(r"static const (u?)int(8|16|32)_t \w+\[(\d+)\]")


def arrays(source: SourceFile) -> int:
    """Bytes of the constant arrays of a source."""
    return _arrays(source.name, source.text)


@cache
def _arrays(name: str, text: str) -> int:
    if not name.endswith(COMPILED):
        return 0
    return sum(int(bits) // 8 * int(count) for _, bits, count in _ARRAY.findall(text))


def flash(source: SourceFile) -> int:
    """Bytes: arrays exactly, code by a fixed number of bytes per instruction or statement."""
    return _flash(source.name, source.text)


@cache
def _flash(name: str, text: str) -> int:
    if not name.endswith(COMPILED):
        return 0
    lines = [line.strip() for line in text.splitlines()]
    code = [line for line in lines if line and not line.startswith(("/", "*", "#", ".", "{"))]
    if name.endswith(".S"):
        return _arrays(name, text) + INSTRUCTION_BYTES * sum(not line.endswith(":") for line in code)
    return _arrays(name, text) + STATEMENT_BYTES * sum(line.endswith(";") for line in code)
