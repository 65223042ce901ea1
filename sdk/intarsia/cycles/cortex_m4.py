# SPDX-License-Identifier: Apache-2.0
"""Cycles of Cortex-M4 instructions without wait states.

From the instruction set summary and "Load/store timings" of the Cortex-M4 Technical Reference Manual (Arm 100166):

- Data processing, multiplications and SIMD take 1 cycle, divisions 2 to 12 (12 here).
- A load takes 2 cycles, 1 when it follows a load whose result it does not need for its address. A store with an
  immediate offset takes 1, with a register offset 2, or 1 behind a load.
- An address that depends on the result of the data processing instruction just before costs 1 cycle more.
- LDRD, STRD, LDM, STM, PUSH and POP of N registers take 1 + N and do not overlap with their neighbours.
- A branch that is taken takes 1 + P, P being 1 to 3 depending on the target's alignment and on whether its address is
  known early; one that is not taken takes 1.

`REFILL` is the P of all branches. IT instructions count as 1, though some fold into the instruction before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from intarsia.cycles.listing import Instruction

REFILL = 2
DIVISION = 12

_CONDITIONS = "eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le"
_BRANCH = re.compile(rf"^(b({_CONDITIONS})?|blx?({_CONDITIONS})?|bx({_CONDITIONS})?|cbn?z|tb[bh])(\.[nw])?$")
_SINGLE_LOAD = re.compile(r"^ldr(ex)?(s?[bh])?t?(?!d)")
_SINGLE_STORE = re.compile(r"^str(ex)?[bh]?t?(?!d)")
_MULTIPLE = re.compile(r"^(push|pop|ldm|stm|vpush|vpop|vldm|vstm)")
_DOUBLE = re.compile(r"^(ldrd|strd)")
_FLOAT_MEMORY = re.compile(r"^v(ldr|str)")
_FLOAT_LONG = re.compile(r"^v(div|sqrt)")
_FLOAT_FUSED = re.compile(r"^v(fn?m[as]|n?ml[as])")
_DIVIDE = re.compile(r"^[su]div")
_NO_RESULT = re.compile(r"^(cmp|cmn|tst|teq|nop|it[te]*$|v)")
_REGISTER = re.compile(r"\b(r\d+|sl|fp|ip|sp|lr|pc)\b")
_LIST = re.compile(r"\{([^}]*)\}")
_NUMBERED = re.compile(r"([rsd])(\d+)-[rsd](\d+)")


def block_cycles(block: Sequence[Instruction], taken: bool) -> int:
    """Cycles of a block whose last instruction may be a branch; `taken`: it does not go on with the one behind it."""
    total = 0
    for before, now in zip((None, *block[:-1]), block, strict=True):
        total += _cycles(now) + _interplay(before, now)
    return total + (REFILL if taken else 0)


def _cycles(now: Instruction) -> int:
    """Of an instruction by itself; a branch as if it were not taken."""
    name = now.mnemonic
    if _MULTIPLE.match(name):
        return 1 + _listed(now.operands)
    if _DOUBLE.match(name):
        return 3
    if _SINGLE_LOAD.match(name):
        return 2
    if _SINGLE_STORE.match(name):
        return 2 if _register_offset(now) else 1
    if _FLOAT_MEMORY.match(name):
        return 3 if now.operands.startswith("d") else 2
    if _FLOAT_LONG.match(name):
        return 14
    if _FLOAT_FUSED.match(name):
        return 3
    if _DIVIDE.match(name):
        return DIVISION
    return 3 if name.startswith("tb") else 1


def _interplay(before: Instruction | None, now: Instruction) -> int:
    """Cycles more or fewer because of the instruction just before."""
    address = _address_registers(now)
    if before is None or not address:
        return 0
    single_load = bool(_SINGLE_LOAD.match(before.mnemonic)) and not _DOUBLE.match(before.mnemonic)
    if single_load:
        overlaps = _SINGLE_LOAD.match(now.mnemonic) or (
            _SINGLE_STORE.match(now.mnemonic) and _register_offset(now)
        )
        return -1 if overlaps and not _DOUBLE.match(now.mnemonic) and _result(before) not in address else 0
    return 1 if _computes(before) and _result(before) in address else 0


def _computes(instruction: Instruction) -> bool:
    """Whether it is a data processing instruction with a result."""
    name = instruction.mnemonic
    memory = (_SINGLE_LOAD, _SINGLE_STORE, _MULTIPLE, _DOUBLE, _BRANCH, _NO_RESULT)
    return not any(pattern.match(name) for pattern in memory)


def _result(instruction: Instruction) -> str:
    """The first operand: the register that is written."""
    found = _REGISTER.match(instruction.operands)
    return found[0] if found else ""


def _address_registers(now: Instruction) -> frozenset[str]:
    """Registers that the address of a load or store is made from."""
    if _MULTIPLE.match(now.mnemonic) and not now.operands.startswith("{"):
        return frozenset(_REGISTER.findall(now.operands)[:1])
    _, bracket, inside = now.operands.partition("[")
    return frozenset(_REGISTER.findall(inside)) - {"pc"} if bracket else frozenset()


def _register_offset(now: Instruction) -> bool:
    inside = now.operands.partition("[")[2].partition("]")[0]
    return len(_REGISTER.findall(inside)) > 1


def _listed(operands: str) -> int:
    """Words in a register list; a double counts as two."""
    total = 0
    for item in (_LIST.findall(operands) or [""])[0].split(","):
        span = _NUMBERED.match(item.strip())
        count = int(span[3]) - int(span[2]) + 1 if span else 1
        total += count * (2 if item.strip().startswith("d") else 1)
    return total
