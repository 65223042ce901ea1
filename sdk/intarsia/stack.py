# SPDX-License-Identifier: Apache-2.0
"""The most stack a firmware can use, from its machine code.

Every function's frame is bounded by the sum of all its stack-pointer decrements; frames add up along the deepest path
of the call graph. This covers C, assembler and library code alike. The firmware's only function pointers are those of
the model descriptor, so an indirect call can reach just the model's functions. Interrupts do not nest in it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from intarsia.errors import StageError
from intarsia.runners.base import require_tool

_OBJDUMP = {
    "arm": ("arm-none-eabi-objdump", "sudo apt-get install binutils-arm-none-eabi"),
    "riscv": ("riscv64-unknown-elf-objdump", "sudo apt-get install binutils-riscv64-unknown-elf"),
    "host": ("objdump", "sudo apt-get install binutils"),
}
_ENTRIES = ("itr_reset", "main")
_INDIRECT = re.compile(r"(_init|_invoke)$")

_FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
_INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t[0-9a-f ]+\t(\S+)(?:\s+(.*))?$")
_TARGET = re.compile(r"<([^>+]+)(\+0x[0-9a-f]+)?>")
_REGISTERS = re.compile(r"\{([^}]*)\}")
_ARM_SUB = re.compile(r"^sp, (?:sp, )?#(\d+)")
_ARM_PRE_DECREMENT = re.compile(r"\[sp, #-(\d+)\]!")
_RISCV_SUB = re.compile(r"^sp,sp,-(\d+)")
_X86_CHANGE = re.compile(r"^\$0x([0-9a-f]+),%rsp")


@dataclass(frozen=True)
class Function:
    """A function's own frame in bytes (None: not bounded) and the functions it may call."""

    frame: int | None
    calls: frozenset[str]
    indirect: bool


def analyse(elf: Path, arch: str) -> int:
    """Bytes of stack on the deepest path from the firmware's entry.

    Raises EnvironmentMissing when the disassembler is missing and StageError when the stack is not bounded.
    """
    program, install = _OBJDUMP[arch]
    command = [require_tool(program, install), "-d", str(elf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise StageError(f"{program} cannot read {elf.name}: {done.stderr.strip()}")
    functions = parse(done.stdout.splitlines(), arch)
    entry = next((name for name in _ENTRIES if name in functions), None)
    if entry is None:
        raise StageError(f"{elf.name} has no entry ({', '.join(_ENTRIES)})")
    return _deepest(functions, entry)


def parse(lines: Iterable[str], arch: str) -> dict[str, Function]:
    """Functions of a disassembly by name."""
    frames: dict[str, int | None] = {}
    calls: dict[str, set[str]] = {}
    indirect: set[str] = set()
    name = ""
    for line in lines:
        if match := _FUNCTION.match(line):
            name = match[1]
            frames.setdefault(name, 0)
            calls.setdefault(name, set())
        elif name and (match := _INSTRUCTION.match(line)):
            mnemonic, operands = match[1], match[2] or ""
            push = _pushed(mnemonic, operands, arch)
            total = frames[name]
            frames[name] = None if push is None or total is None else total + push
            target = _TARGET.search(operands)
            if target and _is_jump(mnemonic, arch) and target[1] != name:
                calls[name].add(target[1])
            if _is_indirect(mnemonic, operands, arch):
                indirect.add(name)
    return {n: Function(frames[n], frozenset(calls[n]), n in indirect) for n in frames}


def _pushed(mnemonic: str, operands: str, arch: str) -> int | None:
    """Bytes by which an instruction lowers the stack pointer; None when that is not a constant."""
    if arch == "arm":
        return _pushed_arm(mnemonic, operands)
    if arch == "riscv":
        match = _RISCV_SUB.match(operands)
        return int(match[1]) if mnemonic in ("addi", "add", "c.addi16sp") and match else 0
    return _pushed_x86(mnemonic, operands)


def _pushed_x86(mnemonic: str, operands: str) -> int:
    if mnemonic.startswith("push"):
        return 8
    match = _X86_CHANGE.match(operands)
    if not match or not mnemonic.startswith(("sub", "add")):
        return 0
    value = int(match[1], 16)
    value -= (1 << 64) if value >> 63 else 0
    return max(value if mnemonic.startswith("sub") else -value, 0)


def _pushed_arm(mnemonic: str, operands: str) -> int | None:
    if mnemonic.startswith(("push", "vpush")) or (
        mnemonic.startswith("stmdb") and operands.startswith("sp!")
    ):
        registers = _REGISTERS.search(operands)
        return _register_bytes(registers[1]) if registers else None
    if match := _ARM_PRE_DECREMENT.search(operands):
        return int(match[1])
    if mnemonic.startswith("sub") and operands.startswith("sp"):
        match = _ARM_SUB.match(operands)
        return int(match[1]) if match else None
    return 0


def _register_bytes(text: str) -> int:
    total = 0
    for item in text.replace(" ", "").split(","):
        first, _, last = item.partition("-")
        count = int(last[1:]) - int(first[1:]) + 1 if last else 1
        total += count * (8 if first[0] == "d" else 4)
    return total


def _is_jump(mnemonic: str, arch: str) -> bool:
    if arch == "arm":
        return mnemonic.startswith(("b", "cb")) and not mnemonic.startswith(("bic", "bfi", "bfc", "bkpt"))
    if arch == "riscv":
        return mnemonic.startswith(("j", "b", "c.j", "call", "tail"))
    return mnemonic.startswith(("call", "j"))


def _is_indirect(mnemonic: str, operands: str, arch: str) -> bool:
    if arch == "arm":
        return mnemonic == "blx" and "<" not in operands or mnemonic == "bx" and operands.strip() != "lr"
    if arch == "riscv":
        return (
            mnemonic in ("jalr", "jr", "c.jalr", "c.jr") and "<" not in operands and operands.strip() != "ra"
        )
    return mnemonic.startswith(("call", "jmp")) and operands.startswith("*")


def _deepest(functions: dict[str, Function], entry: str) -> int:
    pointed = frozenset(name for name in functions if _INDIRECT.search(name))
    depth: dict[str, int] = {}
    path: list[str] = []

    def visit(name: str) -> int:
        if name in depth:
            return depth[name]
        function = functions.get(name)
        if function is None:
            return 0
        if name in path:
            raise StageError(f"stack is not bounded: {' calls '.join([*path[path.index(name) :], name])}")
        if function.frame is None:
            raise StageError(f"stack is not bounded: {name} has a frame of variable size")
        path.append(name)
        callees = function.calls | (pointed if function.indirect else frozenset())
        deepest = function.frame + max((visit(callee) for callee in callees if callee != name), default=0)
        path.pop()
        depth[name] = deepest
        return deepest

    return visit(entry)
