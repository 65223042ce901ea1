# SPDX-License-Identifier: Apache-2.0
"""The most stack a firmware can use, from its machine code.

Every function's frame is bounded by the sum of all its stack-pointer decrements; frames add up along the deepest path
of the call graph. This covers C, assembler and library code alike. A call through a pointer may reach every function
whose address is taken anywhere; the model's own entries only where the model is not already running. Interrupts do
not nest in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from intarsia import programs
from intarsia.disassembly import Function, parse
from intarsia.errors import StageError
from intarsia.runners.base import require_tool
from intarsia.sizes import WEIGHTS_SECTION

DISASSEMBLY_SECONDS = 120.0
DISASSEMBLERS = {
    "arm": ("arm-none-eabi-objdump", "sudo apt-get install binutils-arm-none-eabi"),
    "riscv": ("riscv64-unknown-elf-objdump", "sudo apt-get install binutils-riscv64-unknown-elf"),
    "host": ("objdump", "sudo apt-get install binutils"),
}
_ENTRIES = ("itr_reset", "main")
_STARTUP = ("_init", "_fini", "_start", "itr_start", "itr_start_core")
"""What runs before `main` and never again: small addresses occur as plain numbers too."""

_NO_POINTERS = (".vectors", WEIGHTS_SECTION)
"""Sections whose words are the processor's alone, or numbers of the model: any number can look like an address."""


def analyse(elf: Path, arch: str, model_entries: Iterable[str]) -> int:
    """Bytes of stack on the deepest path from the firmware's entry.

    `model_entries` are the functions of the model descriptor. Raises EnvironmentMissing when the disassembler is
    missing and StageError when the stack is not bounded.
    """
    program, install = DISASSEMBLERS[arch]
    command = [require_tool(program, install), "-d", str(elf)]
    done = programs.run(command, DISASSEMBLY_SECONDS)
    if done.code != 0:
        raise StageError(f"{program} cannot read {elf.name}: {done.err.strip()}")
    functions = parse(done.out.splitlines(), arch)
    entry = next((name for name in _ENTRIES if name in functions), None)
    if entry is None:
        raise StageError(f"{elf.name} has no entry ({', '.join(_ENTRIES)})")
    entries = frozenset(model_entries) & frozenset(functions)
    words = _addresses_in_data(elf)
    if arch == "arm":
        words = {word & ~1 for word in words if word & 1}  # addresses of Thumb code have the lowest bit set
    return _deepest(_resolve(functions, words, entries), functions, entry)


def _addresses_in_data(elf: Path) -> set[int]:
    """Every aligned word of the initialised data: function addresses are among them."""
    words: set[int] = set()
    with elf.open("rb") as stream:
        file = ELFFile(stream)
        size, code = (8, "Q") if file.elfclass == 64 else (4, "I")
        for section in file.iter_sections():
            loaded = section["sh_type"] == "SHT_PROGBITS" and section["sh_flags"] & 2
            if loaded and section.name not in _NO_POINTERS:
                data = section.data()
                words.update(struct.unpack(f"<{len(data) // size}{code}", data[: len(data) // size * size]))
    return words


def _resolve(
    functions: dict[str, Function], words: set[int], entries: frozenset[str]
) -> dict[str, frozenset[str]]:
    """What each function may call, pointers included."""
    names = set().union(*(f.names for f in functions.values()))
    words = words.union(*({a & ~1 for a in f.addresses} for f in functions.values()))
    taken = {n for n, f in functions.items() if n in names or f.address in words}
    taken -= entries.union(_ENTRIES, _STARTUP)
    inside = {n: f.calls | (taken if f.indirect else set()) for n, f in functions.items()}
    model = _reachable(inside, entries)
    return {
        n: frozenset(calls | (entries if functions[n].indirect and n not in model else set()))
        for n, calls in inside.items()
    }


def _reachable(calls: dict[str, set[str]], roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    pending = list(roots)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += calls.get(name, ())
    return found


def _deepest(calls: dict[str, frozenset[str]], functions: dict[str, Function], entry: str) -> int:
    depth: dict[str, int] = {}
    path: list[str] = []

    def visit(name: str) -> int:
        if name in depth:
            return depth[name]
        if name not in functions:
            return 0
        frame = functions[name].frame
        if name in path:
            raise StageError(f"stack is not bounded: {' calls '.join([*path[path.index(name) :], name])}")
        if frame is None:
            raise StageError(f"stack is not bounded: {name} has a frame of variable size")
        path.append(name)
        depth[name] = frame + max((visit(callee) for callee in calls[name]), default=0)
        path.pop()
        return depth[name]

    return visit(entry)
