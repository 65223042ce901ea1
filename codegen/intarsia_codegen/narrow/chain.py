# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 windows below 8 bits as products of polynomials: nine products in three SMLAL.

An activation word holds one channel of three neighbouring columns, a weight word the three taps of a kernel row in
reverse, fields SPACING bits apart, and both begin at bit FIRST. Their products over three kernel rows have five fields
from bit 2 * FIRST on: field n belongs to the output whose window ends with column n of the block. The last two fields
are completed by the first two of the block to the right, to which one ADD of the upper word takes them:

    bit    10  21 | 32  43  54              low word | high word
    field   0   1 |  2   3   4              high >> 1 has fields 3 and 4 where the next low word has 0 and 1

With stride 2 a block is six columns, even and odd ones in words of their own, and a kernel row two weight words, of the
first and last tap and of the one between, in six products of two SMLAL:

    (x0 + x2 z + x4 z^2) (w2 + w0 z) + (x1 + x3 z + x5 z^2) w1 z

so that field n belongs to the n-th output, counted from the one whose window ends with the first column, and only field
3 is left to the next block.

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
MAX_PITCH = 504
"""Of a plane whose third row is within reach of LDRD."""

_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
# Stack frame: constants of two channels, the fields of itr_dsp_chain_rows behind the code, weights of stride 2.
_START, _REQUANTIZE, _WEIGHT, _END, _PREVIOUS = 0, 16, 32, 36, 40
_PIXEL, _OUT_PITCH, _ROWS, _BEGINNING, _MIDDLE, _LAST, _TAIL = range(48, 76, 4)
_IN, _OUT, _WEIGHTS = 76, 80, 84
FRAME = 116
STACK_BYTES = FRAME + 36
EXPAND_STACK_BYTES = 48


@dataclass(frozen=True)
class Code:
    """What the code depends on; `pitch` is the size of a plane's row in bytes."""

    stride: int
    pitch: int
    finish: Finish

    @property
    def name(self) -> str:
        return f"{entry_name(self.stride)}_{self.pitch}_{self.finish.name}"


def entry_name(stride: int) -> str:
    return BASE if stride == 1 else f"{BASE}{stride}"


def block_bytes(stride: int) -> int:
    """Words of two channels."""
    return 8 * stride


def polynomials(taps: Int64Array, stride: int) -> Int64Array:
    """Coefficients [channels, kernel row, word, 3] of weights [channels, kernel row, column]."""
    if stride == 1:
        return taps[:, :, None, ::-1]
    nothing = np.zeros_like(taps[:, :, 0])
    even = np.stack([taps[:, :, 2], taps[:, :, 0], nothing], axis=2)
    odd = np.stack([nothing, taps[:, :, 1], nothing], axis=2)
    return np.stack([even, odd], axis=2)


def weight_words(taps: Int64Array, stride: int) -> Int64Array:
    """Words [channels, kernel row, word]."""
    words: Int64Array = (polynomials(taps, stride) << (FIRST + SPACING * np.arange(3))).sum(axis=3)
    return words


def starts(taps: Int64Array, stride: int) -> Int64Array:
    """What every field starts from [channels, 5]: the most that its products can take away."""
    return _reach(np.maximum(-taps, 0), stride)


def holds(taps: Int64Array, stride: int) -> bool:
    """Whether no field outgrows its width, alone or completed, and weights fit their words."""
    fields = _reach(np.abs(taps), stride)
    whole = fields[:, 2].max(initial=0) < 1 << SPACING
    last = fields[:, 4].max(initial=0) < 1 << (64 - 2 * FIRST - 4 * SPACING)
    words = weight_words(taps, stride)
    return bool(whole and last and words.min(initial=0) >= INT32_MIN and words.max(initial=0) <= INT32_MAX)


def _reach(taps: Int64Array, stride: int) -> Int64Array:
    """Largest fields [channels, 5] of weights that are not negative."""
    coefficients = LARGEST * polynomials(taps, stride).sum(axis=(1, 2))
    fields = np.zeros((len(taps), 5), np.int64)
    for lane in range(LANES):
        fields[:, lane : lane + 3] += coefficients
    return fields


def start_words(taps: Int64Array, stride: int) -> Int64Array:
    """Both words [channels, 2] that sums start from."""
    fields = starts(taps, stride)
    low = (fields[:, 0] << (2 * FIRST)) + (fields[:, 1] << (2 * FIRST + SPACING))
    high = fields[:, 2] + (fields[:, 3] << SPACING) + (fields[:, 4] << (2 * SPACING))
    return np.stack([low, high], axis=1)


def expand(stride: int) -> SourceFile:
    """itr_dsp_chain_expand(in, plane, rows, shape): a byte of every pixel to the words of two channels.

    Codes are counted from the lowest. Columns that are missing in the last block are 0.
    """
    fields = sum(LARGEST << (FIRST + SPACING * lane) for lane in range(LANES))
    columns = LANES * stride
    endings: list[str] = []
    for left in range(1, columns):
        endings += [f"cmp r12, #{left}", f"beq {10 + left}f"]
    for left in range(1, columns):
        endings += [f"{10 + left}:", *_spread(stride, left), *(["b 5f"] if left < columns - 1 else [])]
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
        *_spread(stride, columns),
        "subs r12, r12, #1",
        "bne 2b",
        "3:",
        "ldr r12, [sp, #8]",
        "cmp r12, #0",
        "beq 5f",
        *endings,
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
    return function(f"{entry_name(stride)}_expand", comment, lines)


def _spread(stride: int, columns: int) -> list[str]:
    """A block of so many columns; moves the pointer on behind whole thirds of pixels."""
    places = ["[r0]", "[r0, r2]", "[r0, r2, lsl #1]"]
    words, lines = ["r4", "r5"][:stride], []
    for column in range(columns):
        word, lane = words[column % stride], column // stride
        if lane:
            lines += [f"ldrb r6, {places[column % 3]}", f"orr {word}, {word}, r6, lsl #{SPACING * lane}"]
        else:
            lines.append(f"ldrb {word}, {places[column % 3]}")
        if column % 3 == 2:
            lines.append("add r0, r0, r3")
    for index, word in enumerate(words):
        lanes = len(range(index, columns, stride))
        if lanes == LANES:
            lines.append(f"eor {word}, {word}, r8")
        else:
            lines += [f"eor {word}, {word}, #{0x88 << (SPACING * lane):#x}" for lane in range(lanes)]
            lines += [f"mov {word}, #0"] if lanes == 0 else []
    for word in words:
        lines += [f"and r6, r9, {word}, lsl #5", f"and r7, r9, {word}, lsl #1", "strd r6, r7, [r1], #8"]
    return lines


def entry(stride: int) -> SourceFile:
    """itr_dsp_chain(plane, out, stream, rows): lays the constants of two channels out and jumps to the code.

    Weights that registers have no room for lie on the stack: one with stride 1, those of two kernel rows with 2.
    """
    eight = "{r4, r5, r6, r7, r8, r9, r10, r11}"
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
    ]
    if stride == 1:
        lines += ["add r3, r2, #24", f"ldm r3, {eight}", f"stm sp, {eight}"]
        lines += ["ldm r2, {r2, r3, r4, r5, r6, r7}", f"str r7, [sp, #{_WEIGHT}]"]
    else:
        lines += ["add r3, r2, #16", f"ldm r3!, {eight}", f"add lr, sp, #{_WEIGHTS}", f"stm lr, {eight}"]
        lines += [f"ldm r3, {eight}", f"stm sp, {eight}", "ldm r2, {r2, r3, r4, r5}"]
    return function(entry_name(stride), "Common entry of all rows of two channels.", [*lines, "mov pc, r12"])


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
        f"add r0, r0, #{code.stride * code.pitch}",
        "add r1, r1, r12",
        f"strd r0, r1, [sp, #{_IN}]",
        "subs lr, lr, #1",
        f"str lr, [sp, #{_ROWS}]",
        "bne 1b",
        f"add sp, sp, #{FRAME}",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = (
        "r0 activations, r1 out, r2-r6 weights of both channels (others are on the stack), r8-r11 products,\n"
        "   r7, r12, lr free."
    )
    return function(code.name, comment, lines)


def _block(code: Code, fields: Sequence[int], *, first: bool = False) -> list[str]:
    """Products of a block and those outputs that `fields` say. The first block of a row has none to its left, whose
    fields would be what they start from."""
    lines = [f"ldrd r8, r9, [sp, #{_START}]", f"ldrd r10, r11, [sp, #{_START + 8}]"]
    if first and 1 in fields and code.stride == 1:
        lines += ["add r8, r8, r9, lsr #1", "add r10, r10, r11, lsr #1"]
    lines += _products(code)
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


def _products(code: Code) -> list[str]:
    """Adds the products of three kernel rows, from the last to the first, whose load moves the pointer on."""
    if code.stride == 1:
        lines = [f"ldr r7, [sp, #{_WEIGHT}]"]
        for row in (2, 1, 0):
            at = f"[r0, #{row * code.pitch}]" if row else "[r0], #8"
            lines += [
                f"ldrd r12, lr, {at}",
                f"smlal r8, r9, r12, r{2 + row}",
                f"smlal r10, r11, lr, r{5 + row}",
            ]
        return lines
    lines = []
    for row in (2, 1, 0):
        for odd in (1, 0):
            at = f"[r0, #{row * code.pitch + 8 * odd}]" if row or odd else "[r0], #16"
            weights = ("r6", "r7") if row else (f"r{2 + 2 * odd}", f"r{3 + 2 * odd}")
            lines += [f"ldrd r6, r7, [sp, #{_WEIGHTS + 16 * (row - 1) + 8 * odd}]"] if row else []
            lines += [
                f"ldrd r12, lr, {at}",
                f"smlal r8, r9, r12, {weights[0]}",
                f"smlal r10, r11, lr, {weights[1]}",
            ]
    return lines


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


def spread_instructions(stride: int) -> int:
    """Of a whole block that is expanded."""
    return len(_spread(stride, LANES * stride))
