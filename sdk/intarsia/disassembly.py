# SPDX-License-Identifier: Apache-2.0
"""Functions of a firmware as objdump shows them: frames, calls and function addresses taken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_FUNCTION = re.compile(r"^0*([0-9a-f]+) <([^>]+)>:$")
_INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t[0-9a-f ]+\t(\S+)(?:\s+(.*))?$")
_VENEER = re.compile(r"__(.+)_veneer")  # what the linker puts in for calls too far for their instruction
_TARGET = re.compile(r"<([^>+]+)(\+0x[0-9a-f]+)?>")
_REGISTERS = re.compile(r"\{([^}]*)\}")
_ARM_SUB = re.compile(r"^sp, (?:sp, )?#(\d+)")
_ARM_PRE_DECREMENT = re.compile(r"\[sp, #-(\d+)\]!")
_ARM_IMMEDIATE = re.compile(r"^(\w+), #(\d+)")
_ARM_NO_BRANCHES = ("bic", "bf", "bkpt")
"""Bit fields among them, and branch futures: compilers emit none, but objdump takes some vector code for them."""

WORD = 4
_ARM_ALIGN = re.compile(r"^\w+, #0, #([3-6])$")
"""Clears the low bits of what becomes the stack pointer: frames with vectors are aligned to 16 bytes and more."""

_RISCV_SUB = re.compile(r"^sp,sp,-(\d+)")
_X86_CHANGE = re.compile(r"^\$0x([0-9a-f]+),%rsp")


@dataclass
class Function:
    """`frame`: its own stack in bytes (None: not bounded). `calls`: functions it may jump to by name.

    `indirect`: it calls through a pointer. `names` and `addresses`: what its code takes addresses of.
    """

    address: int
    frame: int | None = 0
    indirect: bool = False
    calls: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    addresses: set[int] = field(default_factory=set)


def parse(lines: Iterable[str], arch: str) -> dict[str, Function]:
    """Functions of a disassembly by name; equal names of static functions are taken together."""
    functions: dict[str, Function] = {}
    name, lower_halves = "", dict[str, int]()
    for line in lines:
        if match := _FUNCTION.match(line):
            name, lower_halves = match[2], {}
            functions.setdefault(name, Function(int(match[1], 16), 8 if arch == "host" else 0))
        elif name and not name.endswith("@plt") and (match := _INSTRUCTION.match(line)):
            mnemonic, operands = match[1], match[2] or ""
            _note_flow(functions[name], name, mnemonic, operands, arch)
            if arch == "arm":
                _note_immediate(functions[name], lower_halves, mnemonic, operands)
    for name, function in functions.items():
        if match := _VENEER.fullmatch(name):
            function.calls.add(match[1])
            function.indirect = False
    return functions


def _note_flow(function: Function, name: str, mnemonic: str, operands: str, arch: str) -> None:
    push = _pushed(mnemonic, operands, arch)
    function.frame = None if push is None or function.frame is None else function.frame + push
    target = _TARGET.search(operands)
    # On Armv6-M `bl` also is the jump to a far place of the same function; recursion calls its beginning.
    if target and (target[1] != name or (target[2] is None and _is_call(mnemonic, operands, arch))):
        if _is_jump(mnemonic, arch):
            function.calls.add(target[1])
        elif target[2] is None:
            function.names.add(target[1])
    function.indirect |= _is_indirect(mnemonic, operands, arch)


def _note_immediate(function: Function, lower_halves: dict[str, int], mnemonic: str, operands: str) -> None:
    """Follows the pairs of MOVW and MOVT that make an address."""
    match = _ARM_IMMEDIATE.match(operands)
    if match and mnemonic.startswith("movw"):
        lower_halves[match[1]] = int(match[2])
    elif match and mnemonic.startswith("movt"):
        function.addresses.add(int(match[2]) << 16 | lower_halves.get(match[1], 0))


def _pushed(mnemonic: str, operands: str, arch: str) -> int | None:
    """Bytes by which an instruction lowers the stack pointer; None when that is not a constant."""
    if arch == "arm":
        return _pushed_arm(mnemonic, operands)
    if arch == "riscv":
        return _pushed_riscv(mnemonic, operands)
    return _pushed_x86(mnemonic, operands)


def _pushed_riscv(mnemonic: str, operands: str) -> int | None:
    """A frame that is a register's value holds vectors whose length the compiler was not told."""
    match = _RISCV_SUB.match(operands)
    if mnemonic in ("addi", "add", "c.addi16sp") and match:
        return int(match[1])
    return None if mnemonic == "sub" and operands.startswith("sp,sp,") else 0


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
    if mnemonic == "bfc" and (match := _ARM_ALIGN.match(operands)):
        return (1 << int(match[1])) - WORD
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
        return mnemonic.startswith(("b", "cb")) and not mnemonic.startswith(_ARM_NO_BRANCHES)
    if arch == "riscv":
        return mnemonic.startswith(("j", "b", "c.j", "call", "tail"))
    return mnemonic.startswith(("call", "j"))


def _is_call(mnemonic: str, operands: str, arch: str) -> bool:
    """Whether a jump comes back: a jump to the function's own name is recursion then, else a loop."""
    if arch == "arm":
        return mnemonic in ("bl", "blx")
    if arch == "riscv":
        return mnemonic == "call" or (mnemonic in ("jal", "c.jal") and not operands.startswith("zero"))
    return mnemonic.startswith("call")


def _is_indirect(mnemonic: str, operands: str, arch: str) -> bool:
    if arch == "arm":
        return (mnemonic == "blx" and "<" not in operands) or (mnemonic == "bx" and operands.strip() != "lr")
    if arch == "riscv":
        return (
            mnemonic in ("jalr", "jr", "c.jalr", "c.jr") and "<" not in operands and operands.strip() != "ra"
        )
    return mnemonic.startswith(("call", "jmp")) and operands.startswith("*")
