# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 convolution over planes of halfwords, for outputs of any width and height.

Arithmetic, stream and planes are those of `depthwise`. Width, height and channels come at run time, so that the code
serves all branches of a layer, and all layers whose planes have the same pitch and which are requantized alike. Rows
of a window are read from the last to the first, whose load moves the pointer on.
"""

from __future__ import annotations

from dataclasses import dataclass

from intarsia_codegen.arm.depthwise import (
    BIAS,
    CHANNELS_LEFT,
    FRAME,
    PLANE,
    REQUANTIZE,
    ROW_END,
    ROWS_LEFT,
    SAVED,
    STREAM,
    WEIGHTS,
    load_constants,
    per_byte,
    requantize,
    slowness,
    store,
)
from intarsia_codegen.arm.requantize import Requantizer
from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile

ENTRY = "itr_dsp_depthwise_rows"

# Stack frame behind that of `depthwise`: where a row begins, then the fields of itr_dsp_rows.
_ROW = FRAME
_PIXEL, _SECOND, _OUT_PITCH, _COLUMNS, _ROWS, _PLANE_BYTES = range(FRAME + 8, FRAME + 32, 4)
_FRAME = FRAME + 32
STACK_BYTES = _FRAME + 36

PITCH_STEP = 8
"""Pitches are multiples of this: few different ones, and immediate operands whatever they are."""


@dataclass(frozen=True)
class Code:
    """What the code depends on; `pitch` is the size of a plane's row in bytes."""

    stride: int
    pitch: int
    requantizer: Requantizer

    @property
    def name(self) -> str:
        return f"{ENTRY}_s{self.stride}_{self.pitch}_{self.requantizer.name}"

    @property
    def weight_words(self) -> int:
        return 6 if self.stride == 1 else 5

    @property
    def channel_words(self) -> int:
        """Words of the stream for one channel: weights, bias, requantization, clamp."""
        return self.weight_words + 1 + self.requantizer.words + (2 if self.requantizer.clamps else 0)


def entry() -> SourceFile:
    """itr_dsp_depthwise_rows(planes, out, stream, rows): four channels; jumps to the code that `rows` names."""
    lines = [
        f"push {registers([*SAVED, 'lr'])}",
        f"sub sp, sp, #{_FRAME}",
        f"strd r0, r1, [sp, #{PLANE}]",
        f"str r2, [sp, #{STREAM}]",
        "ldm r3, {r4, r5, r6, r7, r8, r9, r10}",  # code and the fields of the frame in order
        f"strd r5, r6, [sp, #{_PIXEL}]",
        f"strd r7, r8, [sp, #{_OUT_PITCH}]",
        f"strd r9, r10, [sp, #{_ROWS}]",
        "mov r2, #4",
        f"str r2, [sp, #{CHANNELS_LEFT}]",
        "mov pc, r4",
    ]
    return function(ENTRY, "Common entry of all depthwise convolutions of any size.", lines)


def source(code: Code) -> SourceFile:
    """The code for outputs of any size in each of four channels."""
    lines = ["1:"]  # channels whose codes share a byte
    parts = per_byte(code.requantizer)
    for place in range(parts):
        lines += [
            f"ldrd r0, r1, [sp, #{PLANE}]",
            f"ldr r2, [sp, #{STREAM}]",
            *load_constants(code.requantizer, code.weight_words),
            f"strd r0, r1, [sp, #{_ROW}]",
            f"ldr r2, [sp, #{_ROWS}]",
            f"str r2, [sp, #{ROWS_LEFT}]",
            *(_rows_stride1(code, place) if code.stride == 1 else _rows_stride2(code, place)),
            f"ldrd r0, r1, [sp, #{PLANE}]",
            f"ldr r3, [sp, #{_PLANE_BYTES}]",
            "add r0, r0, r3",
            *(["add r1, r1, #1"] if place == parts - 1 else []),
            f"strd r0, r1, [sp, #{PLANE}]",
        ]
    lines += [
        f"ldr r2, [sp, #{CHANNELS_LEFT}]",
        f"subs r2, r2, #{parts}",
        f"str r2, [sp, #{CHANNELS_LEFT}]",
        "bne 1b",
        f"add sp, sp, #{_FRAME}",
        f"pop {registers([*SAVED, 'pc'])}",
    ]
    comment = f"Depthwise 3x3, stride {code.stride}, any size, rows of planes {code.pitch} bytes apart."
    return function(code.name, comment, lines)


def _rows_stride1(code: Code, place: int) -> list[str]:
    """Pairs of rows; the last pair of an odd number overlaps the one before."""
    return [
        "2:",
        f"ldr r2, [sp, #{_COLUMNS}]",
        "bic r2, r2, #1",
        "add r2, r0, r2, lsl #1",
        f"str r2, [sp, #{ROW_END}]",
        "cmp r0, r2",
        "beq 4f",
        "3:",
        *_block_stride1(code, place, 2),
        f"ldr r2, [sp, #{ROW_END}]",
        "cmp r0, r2",
        "bne 3b",
        "4:",
        f"ldr r2, [sp, #{_COLUMNS}]",
        "lsls r2, r2, #31",
        "beq 5f",
        *_block_stride1(code, place, 1),
        "5:",
        f"ldrd r0, r1, [sp, #{_ROW}]",
        f"ldr r2, [sp, #{ROWS_LEFT}]",
        f"ldr r3, [sp, #{_OUT_PITCH}]",
        "subs r2, r2, #2",
        "ble 6f",
        f"str r2, [sp, #{ROWS_LEFT}]",
        "cmp r2, #1",
        f"add r0, r0, #{code.pitch}",
        "add r1, r1, r3",
        "itt ne",
        f"addne r0, r0, #{code.pitch}",
        "addne r1, r1, r3",
        f"strd r0, r1, [sp, #{_ROW}]",
        "b 2b",
        "6:",
    ]


def _block_stride1(code: Code, place: int, columns: int) -> list[str]:
    """Two rows of one or two outputs. The bias, in the last sum, is the addend of every first product.

    The second row is stored first: where there is none, it has the place of the first.
    """
    totals = {(y, c): f"r{4 + 2 * y + c}" for y in range(2) for c in range(columns)}
    last = totals[0, columns - 1]
    lines, begun = [f"ldr {last}, [sp, #{BIAS}]"], set()
    for row in reversed(range(4)):
        lines.append(f"ldrd r2, r3, [r0, #{row * code.pitch}]" if row else "ldrd r2, r3, [r0], #4")
        for y in range(2):
            tap = row - y
            if not 0 <= tap < 3:
                continue
            p, q = WEIGHTS[2 * tap], WEIGHTS[2 * tap + 1]
            for column in range(columns):
                total = totals[y, column]
                addend = total if (y, column) in begun else last
                begun.add((y, column))
                first, second = ("smlad", "smlabt") if column == 0 else ("smlatb", "smlad")
                lines += [f"{first} {total}, r2, {p}, {addend}", f"{second} {total}, r3, {q}, {total}"]
    lines += requantize(code.requantizer, list(totals.values()), ("r2", "r3"))
    return lines + _stores(code, place, totals, columns)


def _stores(code: Code, place: int, totals: dict[tuple[int, int], str], columns: int) -> list[str]:
    """Stores two rows and moves the pointer on. The register of a code that is stored is free for the next ones."""
    lines = [f"ldr r3, [sp, #{_SECOND}]", "add r3, r3, r1"]
    lines += store(totals[1, 0], "[r3]", "r2", code.requantizer, place)
    lines.append(f"ldr r2, [sp, #{_PIXEL}]")
    left = (
        [((0, 0), "[r1]")] if columns == 1 else [((1, 1), "[r3, r2]"), ((0, 0), "[r1]"), ((0, 1), "[r1, r2]")]
    )
    for which, address in left:
        lines += store(totals[which], address, totals[1, 0], code.requantizer, place)
    return lines + (["add r1, r1, r2, lsl #1"] if columns == 2 else [])


def _rows_stride2(code: Code, place: int) -> list[str]:
    """Rows of single outputs; r7 counts columns, r5 and r6 hold constants or are free."""
    form = code.requantizer.form
    in_registers = form is not None and not form.signed and not form.clamp
    return [
        f"ldr lr, [sp, #{BIAS}]",
        *([f"ldrd r5, r6, [sp, #{REQUANTIZE}]"] if in_registers else []),
        "2:",
        f"ldr r7, [sp, #{_COLUMNS}]",
        "3:",
        *_output_stride2(code, place, in_registers),
        "subs r7, r7, #1",
        "bne 3b",
        f"ldrd r0, r1, [sp, #{_ROW}]",
        f"ldr r2, [sp, #{_OUT_PITCH}]",
        f"ldr r7, [sp, #{ROWS_LEFT}]",
        f"add r0, r0, #{2 * code.pitch}",
        "add r1, r1, r2",
        f"strd r0, r1, [sp, #{_ROW}]",
        "subs r7, r7, #1",
        f"str r7, [sp, #{ROWS_LEFT}]",
        "bne 2b",
    ]


def _output_stride2(code: Code, place: int, in_registers: bool) -> list[str]:
    """One output. Weights: r8-r10 = (w0, w1) of each row, r11 = w2 of rows 0 and 1, r12 = w2 of row 2."""
    lines = [
        f"ldrd r2, r3, [r0, #{2 * code.pitch}]",
        "smlad r4, r2, r10, lr",
        "smlabb r4, r3, r12, r4",
        f"ldrd r2, r3, [r0, #{code.pitch}]",
        "smlad r4, r2, r9, r4",
        "smlabt r4, r3, r11, r4",
        "ldrd r2, r3, [r0], #4",
        "smlad r4, r2, r8, r4",
        "smlabb r4, r3, r11, r4",
    ]
    if in_registers:
        lines += code.requantizer.two_instructions("r4", "r5", "r6")
    else:
        lines += requantize(code.requantizer, ["r4"], ("r5", "r6"))
    lines += [f"ldr r2, [sp, #{_PIXEL}]", *store("r4", "[r1]", "r3", code.requantizer, place)]
    return [*lines, "add r1, r1, r2"]


def instructions(code: Code, out_h: int, out_w: int) -> int:
    """Estimated instructions for four channels."""
    slow = slowness(code.requantizer)
    if code.stride == 1:
        pairs, odd = divmod(out_w, 2)
        row = pairs * (49 + 4 * slow) + odd * (29 + 2 * slow) + 22
        return int(4 * (-(-out_h // 2) * row + 35))
    return int(4 * (out_h * (out_w * (16 + slow) + 11) + 35))
