# SPDX-License-Identifier: Apache-2.0
"""Transposition of four channels from NHWC codes to planes of halfwords, borders included.

A word of a plane is two columns of one channel; two pixels make one word in each of four planes, in 14 instructions, or
12 from packed codes, which are counted from the lowest one. Where a column lies on the border, a pixel of zero points
takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile

ENTRY = "itr_dsp_planes"
STACK_BYTES = 52

# Stack frame below the saved registers: what is added behind a row, rows left, pairs of pixels.
_ROW_STEP, _ROWS, _PAIRS = 0, 8, 12
_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]

UNROLLED_PAIRS = 4
"""Rows of up to so many pairs of pixels have code of their own, without a loop."""


@dataclass(frozen=True)
class Row:
    """What a row is made of: a word with the left border, pairs of pixels, a trailing word.

    `trailing` is 0 for none, 1 for the last pixel and the border, 2 for the border alone. `bits` of the input.
    """

    left: bool
    pairs: int
    trailing: int
    bits: int = 8

    @property
    def words(self) -> int:
        """Words that are written to each plane."""
        return self.left + self.pairs + (self.trailing > 0)

    @property
    def passed(self) -> int:
        """Pixels that the pointer passes; it stops before one of the trailing word."""
        return self.left + 2 * self.pairs

    @property
    def unrolled(self) -> bool:
        return self.pairs <= UNROLLED_PAIRS

    @property
    def name(self) -> str:
        pairs = f"{self.pairs}" if self.unrolled else "n"
        return f"{_name(self.bits)}_{'l' * self.left}{pairs}{('', 'm', 'b')[self.trailing]}"

    @property
    def instructions(self) -> int:
        """Instructions for a row."""
        word = len(_word(self.bits))
        ends = (word + 3) * self.left + (0, word + 2, len(_border_word(self.bits)))[self.trailing]
        return ends + self.pairs * (word + 3 if self.unrolled else word + 5) + (11 if self.unrolled else 12)


def _name(bits: int) -> str:
    return ENTRY if bits == 8 else f"{ENTRY}{bits}"


def entry() -> SourceFile:
    """itr_dsp_planes(in, planes, rows, shape): jumps to the code that `shape` names; rows >= 1."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        "ldm r3, {r4, r5, r6, r7, r8, r9, lr}",  # code, pixel, plane, row step, skip, pairs, border
        "push {r2, r9}",
        "push {r7, r8}",
        "mov r2, r5",
        "add r3, r1, r6",
        "add r10, r3, r6",
        "add r11, r10, r6",
        "mov pc, r4",
    ]
    return function(ENTRY, "Common entry of all transpositions.", lines)


_LOADS = {8: "ldr", 4: "ldrh", 2: "ldrb"}
"""Instruction that loads four channels of a pixel, by their bits."""

_STORE = ["str r4, [r1], #4", "str r5, [r3], #4", "str r6, [r10], #4", "str r7, [r11], #4"]


def _word(bits: int) -> list[str]:
    """Pixels r4 and r5 to a word of each plane; codes below 8 bits are counted from the lowest one."""
    if bits == 8:
        return [
            "sxtb16 r6, r4",
            "sxtb16 r7, r4, ror #8",
            "sxtb16 r8, r5",
            "sxtb16 r9, r5, ror #8",
            "pkhbt r4, r6, r8, lsl #16",
            "pkhtb r6, r8, r6, asr #16",
            "pkhbt r5, r7, r9, lsl #16",
            "pkhtb r7, r9, r7, asr #16",
            *_STORE,
        ]
    flip = sum(1 << (bits * (i + 1) - 1) for i in range(4)) * 0x10001
    fields = [f"and r{4 + c}, r9, r8, lsr #{bits * c}" if c else "and r4, r9, r8" for c in range(4)]
    return ["pkhbt r8, r4, r5, lsl #16", f"eor r8, r8, #{flip:#x}", *fields, *_STORE]


def _border_word(bits: int) -> list[str]:
    """A word of each plane on the border."""
    if bits == 8:
        return ["sxtb16 r4, lr", *[f"str r4, [{plane}], #4" for plane in ("r1", "r3", "r10", "r11")]]
    return ["mov r4, lr", "mov r5, lr", *_word(bits)]


def _load(target: str, address: str, bits: int) -> str:
    """Four channels of a pixel."""
    return f"{_LOADS[bits]} {target}, {address}"


def _pair(bits: int) -> list[str]:
    loads = [_load("r4", "[r0]", bits), _load("r5", "[r0, r2]", bits)]
    return [*loads, "add r0, r0, r2, lsl #1", *_word(bits)]


def _loop(bits: int) -> list[str]:
    return ["2:", *_pair(bits), "subs r12, r12, #1", "bne 2b"]


def code(row: Row) -> SourceFile:
    """The code for rows of one kind."""
    loop = [f"ldr r12, [sp, #{_PAIRS}]", *_loop(row.bits)]
    return _code(row.name, row, _pair(row.bits) * row.pairs if row.unrolled else loop)


def ends_name(left: bool, trailing: int, bits: int) -> str:
    """Name of `ends_code`."""
    return f"{_name(bits)}_{'l' * left}any{('', 'm', 'b')[trailing]}"


def ends_code(left: bool, trailing: int, bits: int) -> SourceFile:
    """The code for rows that begin and end like this, with any number of pairs of pixels between."""
    pairs = [f"ldr r12, [sp, #{_PAIRS}]", "cmp r12, #0", "beq 3f", *_loop(bits), "3:"]
    return _code(ends_name(left, trailing, bits), Row(left, 0, trailing, bits), pairs)


def _code(name: str, row: Row, pairs: list[str]) -> SourceFile:
    bits, word = row.bits, _word(row.bits)
    lines = [] if bits == 8 else [f"mov r9, #{((1 << bits) - 1) * 0x10001:#x}"]
    lines.append("1:")
    if row.left:
        lines += ["mov r4, lr", _load("r5", "[r0]", bits), "add r0, r0, r2", *word]
    lines += pairs
    if row.trailing == 1:
        lines += [_load("r4", "[r0]", bits), "mov r5, lr", *word]
    elif row.trailing == 2:
        lines += _border_word(bits)
    lines += [
        f"ldrd r4, r5, [sp, #{_ROW_STEP}]",
        f"ldr r6, [sp, #{_ROWS}]",
        "add r0, r0, r4",
        *[f"add {plane}, {plane}, r5" for plane in ("r1", "r3", "r10", "r11")],
        "subs r6, r6, #1",
        f"str r6, [sp, #{_ROWS}]",
        "bne 1b",
        "add sp, sp, #16",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = "r0 pixels, r2 their distance, r1, r3, r10, r11 planes, r12 pairs left, lr zero points."
    return function(name, comment, lines)
