# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 windows of stride 1 below 8 bits as products of polynomials: nine products in three SMLAL.

An activation word holds one channel of three neighbouring columns, a weight word the three taps of a kernel row in
reverse, fields SPACING bits apart, and both begin at bit FIRST. Their products over three kernel rows have five fields
from bit 2 * FIRST on: field n belongs to the output whose window ends with column n of the block. The last two fields
are completed by the first two of the block to the right, to which one ADD of the upper word takes them:

    bit    10  21 | 32  43  54              low word | high word
    field   0   1 |  2   3   4              high >> 1 has fields 3 and 4 where the next low word has 0 and 1

Weights keep their signs. Sums start from what the negative ones can take away at most, so that no field is ever
negative at the end, nor larger than its width: the reach of the layer's own weights, which is checked.

Two channels, whose codes share a byte, are computed side by side. Columns beside the input count as the lowest code, so
this is for inputs whose zero point that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array
from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.narrow.outer import Finish
from intarsia_codegen.narrow.sources import constant

BASE = "itr_dsp_chain"
EXPAND = f"{BASE}_expand"
FIRST, SPACING, LANES = 5, 11, 3
LARGEST = 15
"""Code of 4 bits, counted from the lowest."""
BLOCK_BYTES = 8
"""Words of two channels."""
MAX_PITCH = 504
"""Of a plane whose third row is within reach of LDRD."""

_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
# Stack frame: constants of two channels, then the fields of itr_dsp_chain_rows behind the code.
_START, _REQUANTIZE, _WEIGHT, _END, _PREVIOUS = 0, 16, 32, 36, 40
_PIXEL, _OUT_PITCH, _ROWS, _BEGINNING, _MIDDLE, _LAST, _TAIL = range(48, 76, 4)
_IN, _OUT = 76, 80
FRAME = 84
STACK_BYTES = FRAME + 36
EXPAND_STACK_BYTES = 48

PAIR_WORDS = 14
"""Of the stream for two channels: weights, starts, multipliers and offsets."""


@dataclass(frozen=True)
class Code:
    """What the code depends on; `pitch` is the size of a plane's row in bytes."""

    pitch: int
    finish: Finish

    @property
    def name(self) -> str:
        return f"{BASE}_{self.pitch}_{self.finish.name}"


def weight_words(taps: Int64Array) -> Int64Array:
    """Words [channels, 3] of weights [channels, kernel row, column]."""
    places = FIRST + SPACING * np.arange(2, -1, -1)
    words: Int64Array = (taps << places).sum(axis=2)
    return words


def starts(taps: Int64Array) -> Int64Array:
    """What every field starts from [channels, 5]: the most that its products can take away."""
    return _reach(np.maximum(-taps, 0))


def holds(taps: Int64Array) -> bool:
    """Whether no field outgrows its width, alone or completed, and weights fit their words."""
    fields = _reach(np.abs(taps))
    whole = fields[:, 2].max(initial=0) < 1 << SPACING
    last = fields[:, 4].max(initial=0) < 1 << (64 - 2 * FIRST - 4 * SPACING)
    words = weight_words(taps)
    return bool(whole and last and words.min(initial=0) >= INT32_MIN and words.max(initial=0) <= INT32_MAX)


def _reach(taps: Int64Array) -> Int64Array:
    """Largest fields [channels, 5] of weights that are not negative."""
    columns = LARGEST * taps.sum(axis=1)[:, ::-1]
    fields = np.zeros((len(taps), 5), np.int64)
    for lane in range(LANES):
        fields[:, lane : lane + 3] += columns
    return fields


def start_words(taps: Int64Array) -> Int64Array:
    """Both words [channels, 2] that sums start from."""
    fields = starts(taps)
    low = (fields[:, 0] << (2 * FIRST)) + (fields[:, 1] << (2 * FIRST + SPACING))
    high = fields[:, 2] + (fields[:, 3] << SPACING) + (fields[:, 4] << (2 * SPACING))
    return np.stack([low, high], axis=1)


def expand() -> SourceFile:
    """itr_dsp_chain_expand(in, plane, rows, shape): a byte of every pixel to the words of two channels.

    Codes are counted from the lowest. Columns that are missing in the last block are 0.
    """
    fields = sum(LARGEST << (FIRST + SPACING * lane) for lane in range(LANES))
    spread = ["and r6, r9, r4, lsl #5", "and r7, r9, r4, lsl #1", f"strd r6, r7, [r1], #{BLOCK_BYTES}"]

    def block(columns: int) -> list[str]:
        loads = ["ldrb r4, [r0]", "ldrb r5, [r0, r2]", "ldrb r6, [r0, r2, lsl #1]"][:columns]
        flip = sum(0x88 << (SPACING * lane) for lane in range(columns))
        joined = [f"orr r4, r4, r{5 + lane}, lsl #{SPACING * (lane + 1)}" for lane in range(columns - 1)]
        flipping = ["eor r4, r4, r8"] if columns == LANES else [f"eor r4, r4, #{0x88}"]
        if columns == 2:
            flipping.append(f"eor r4, r4, #{flip - 0x88}")
        return [*loads, *joined, *flipping, *spread]

    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        "mov r10, r2",
        "ldm r3, {r2, r3, r4, r5, r11, lr}",  # pixel, three of them, steps of pixels and planes, blocks, columns left
        "push {r4, r5, lr}",
        *constant("r8", sum(0x88 << (SPACING * lane) for lane in range(LANES))),
        *constant("r9", fields),
        "1:",
        "movs r12, r11",
        "beq 3f",
        "2:",
        *block(3),
        "add r0, r0, r3",
        "subs r12, r12, #1",
        "bne 2b",
        "3:",
        "ldr r12, [sp, #8]",
        "cmp r12, #1",
        "blt 5f",
        "beq 4f",
        *block(2),
        "b 5f",
        "4:",
        *block(1),
        "5:",
        "ldrd r4, r5, [sp]",
        "add r0, r0, r4",
        "add r1, r1, r5",
        "subs r10, r10, #1",
        "bne 1b",
        "add sp, sp, #12",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = (
        "r0 pixels, r1 plane, r2 and r3 distances of pixels, r8 signs, r9 fields, r10 rows left, r11 blocks."
    )
    return function(EXPAND, comment, lines)


def entry() -> SourceFile:
    """itr_dsp_chain(plane, out, stream, rows): lays the constants of two channels out and jumps to the code."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        f"sub sp, sp, #{FRAME}",
        f"strd r0, r1, [sp, #{_IN}]",
        "ldm r3!, {r4, r5, r6, r7, r8}",  # code, pixel, distance of rows, rows, outputs at the beginning
        f"strd r5, r6, [sp, #{_PIXEL}]",
        f"strd r7, r8, [sp, #{_ROWS}]",
        "ldm r3, {r5, r6, r7}",  # bytes of whole blocks, outputs of the last one, outputs behind it
        f"strd r5, r6, [sp, #{_MIDDLE}]",
        f"str r7, [sp, #{_TAIL}]",
        "mov r12, r4",
        "add r3, r2, #24",
        "ldm r3, {r4, r5, r6, r7, r8, r9, r10, r11}",
        "stm sp, {r4, r5, r6, r7, r8, r9, r10, r11}",
        "ldm r2, {r2, r3, r4, r5, r6, r7}",
        f"str r7, [sp, #{_WEIGHT}]",
        "mov pc, r12",
    ]
    return function(BASE, "Common entry of all rows of two channels.", lines)


def rows(code: Code) -> SourceFile:
    """The code: rows of outputs of two channels."""
    lines = [
        "1:",
        f"ldrd r0, r1, [sp, #{_IN}]",
        f"ldr r12, [sp, #{_BEGINNING}]",
        "cmp r12, #1",
        "beq 2f",
        *_block(code, (1, 2), first=True),
        "b 3f",
        "2:",
        *_block(code, (2,), first=True),
        "3:",
        f"ldr r12, [sp, #{_MIDDLE}]",
        "cmp r12, #0",
        "beq 5f",
        "add r12, r12, r0",
        f"str r12, [sp, #{_END}]",
        "4:",
        *_block(code, (0, 1, 2)),
        f"ldr r12, [sp, #{_END}]",
        "cmp r0, r12",
        "bne 4b",
        "5:",
        f"ldr r12, [sp, #{_LAST}]",
        "cmp r12, #1",
        "blt 7f",
        "beq 6f",
        *_block(code, (0, 1)),
        "b 7f",
        "6:",
        *_block(code, (0,)),
        "7:",
        f"ldr r12, [sp, #{_TAIL}]",
        "cmp r12, #0",
        "beq 8f",
        *_tail(code),
        "8:",
        f"ldrd r0, r1, [sp, #{_IN}]",
        f"ldrd r12, lr, [sp, #{_OUT_PITCH}]",
        f"add r0, r0, #{code.pitch}",
        "add r1, r1, r12",
        f"strd r0, r1, [sp, #{_IN}]",
        "subs lr, lr, #1",
        f"str lr, [sp, #{_ROWS}]",
        "bne 1b",
        f"add sp, sp, #{FRAME}",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = (
        "r0 activations, r1 out, r2-r6 weights of both channels (the sixth is on the stack), r8-r11 products,\n"
        "   r7, r12, lr free."
    )
    return function(code.name, comment, lines)


def _block(code: Code, fields: Sequence[int], *, first: bool = False) -> list[str]:
    """Products of a block and those outputs that `fields` say. The first block of a row has none to its left, whose
    fields would be what they start from."""
    lines = [f"ldrd r8, r9, [sp, #{_START}]", f"ldrd r10, r11, [sp, #{_START + 8}]"]
    if first and 1 in fields:
        lines += ["add r8, r8, r9, lsr #1", "add r10, r10, r11, lsr #1"]
    lines.append(f"ldr r7, [sp, #{_WEIGHT}]")
    for row in (2, 1, 0):
        at = f"[r0, #{row * code.pitch}]" if row else f"[r0], #{BLOCK_BYTES}"
        lines += [f"ldrd r12, lr, {at}", f"smlal r8, r9, r12, r{2 + row}", f"smlal r10, r11, lr, r{5 + row}"]
    if not first:
        lines += [
            f"ldrd r12, lr, [sp, #{_PREVIOUS}]",
            "add r8, r8, r12, lsr #1",
            "add r10, r10, lr, lsr #1",
        ]
    lines.append(f"strd r9, r11, [sp, #{_PREVIOUS}]")
    results = {0: "r7", 1: "r8", 2: "r9"}
    lines.append(f"ldrd r12, lr, [sp, #{_REQUANTIZE}]")
    for field in fields:
        lines.append(_field(field, results[field], "r8", "r9"))
    for field in fields:
        lines += code.finish.code(results[field], "r12", "lr", "")
    lines.append(f"ldrd r12, lr, [sp, #{_REQUANTIZE + 8}]")
    # The third field of the second channel makes room for its first.
    for field in sorted(fields, key=lambda f: (f != 2, f)):
        free = "r10" if field == 1 else "r11"
        lines.append(_field(field, free, "r10", "r11"))
        lines += code.finish.code(free, "r12", "lr", "")
        lines.append(f"bfi {results[field]}, {free}, #4, #4")
    return lines + _stores([results[field] for field in fields])


def _field(field: int, target: str, low: str, high: str) -> str:
    """A completed field of a product."""
    if field == 0:
        return f"ubfx {target}, {low}, #{2 * FIRST}, #{SPACING}"
    if field == 1:
        return f"lsr {target}, {low}, #{2 * FIRST + SPACING}"
    return f"ubfx {target}, {high}, #0, #{SPACING}"


def _stores(values: Sequence[str]) -> list[str]:
    """Stores bytes of neighbouring pixels and moves the pointer on."""
    lines = [f"ldr r12, [sp, #{_PIXEL}]"]
    for value, at in zip(values, ("[r1]", "[r1, r12]", "[r1, r12, lsl #1]"), strict=False):
        lines.append(f"strb {value}, {at}")
    if len(values) > 1:
        lines.append("add r1, r1, r12, lsl #1")
    return lines + (["add r1, r1, r12"] if len(values) != 2 else [])


def _tail(code: Code) -> list[str]:
    """The output behind the last block, whose window ends beside the input."""
    lines = [f"ldrd r8, r10, [sp, #{_PREVIOUS}]"]
    for value, channel in (("r8", 0), ("r10", 1)):
        lines += [
            f"ldr r9, [sp, #{_START + 8 * channel}]",
            f"add {value}, r9, {value}, lsr #1",
            _field(0, value, value, ""),
            f"ldrd r12, lr, [sp, #{_REQUANTIZE + 8 * channel}]",
            *code.finish.code(value, "r12", "lr", ""),
        ]
    return [*lines, "bfi r8, r10, #4, #4", "strb r8, [r1]"]


def instructions(code: Code, outputs: int) -> int:
    """Of a block with so many outputs in each channel."""
    return len(_block(code, range(outputs)))


def tail_instructions(code: Code) -> int:
    """Of the output behind the last block."""
    return len(_tail(code))
