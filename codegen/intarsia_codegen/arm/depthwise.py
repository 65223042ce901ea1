# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 convolution over planes of halfwords, one channel after the other.

Columns x0..x3 of a row lie in two words A = (x0, x1), B = (x2, x3). Stride 1 computes 2 x 2 outputs at a
time with the weights of a kernel row as P = (w0, w1), Q = (w1, w2):

    even column: SMLAD(A, P) + SMLABT(B, Q)      odd column: SMLATB(A, P) + SMLAD(B, Q)

Stride 2 computes one output at a time from A and B: SMLAD(A, P) and one product with w2. Weights are scaled
by 2**scale_bits. The code depends on the layer's width, channels and requantization; columns are unrolled
up to four times.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from intarsia_codegen.arm.requantize import Requantizer
from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile

ENTRY = "itr_dsp_depthwise"
SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
WEIGHTS = ["r8", "r9", "r10", "r11", "r12", "lr"]

# Stack frame: constants of the channel (bias, requantization, clamp), loop limits, arguments.
BIAS, REQUANTIZE, _CLAMP = 0, 4, 24
ROW_END, ROWS_LEFT, PLANE, _OUT, STREAM, CHANNELS_LEFT = range(32, 56, 4)
FRAME = 56
STACK_BYTES = FRAME + 36

UNROLL = 4
MAX_ROW_BYTES = 1020
"""Rows of a plane whose fourth is still within reach of LDRD: 3 * pitch + 4 * UNROLL."""
MAX_OFFSET = 4095
"""Within reach of STRB and ADDW."""


@dataclass(frozen=True)
class Shape:
    """What the code depends on. `pitch` is the size of a plane's row in bytes, `plane` that of a plane, `pixel` that of
    an output pixel."""

    stride: int
    out_w: int
    pixel: int
    rows: int
    pitch: int
    plane: int
    requantizer: Requantizer

    @property
    def name(self) -> str:
        size = f"{self.out_w}x{self.pixel}x{self.rows}_{self.pitch}"
        return f"{ENTRY}_s{self.stride}_{size}_{self.requantizer.name}"

    @property
    def out_pitch(self) -> int:
        return self.out_w * self.pixel

    @property
    def weight_words(self) -> int:
        return 6 if self.stride == 1 else 5

    @property
    def channel_words(self) -> int:
        """Words of the stream for one channel: weights, bias, requantization, clamp."""
        clamp = 2 if self.requantizer.clamps else 0
        return self.weight_words + 1 + self.requantizer.words + clamp


def entry() -> SourceFile:
    """itr_dsp_depthwise(planes, out, stream, code): four channels; jumps to the code of a layer."""
    lines = [
        f"push {registers([*SAVED, 'lr'])}",
        f"sub sp, sp, #{FRAME}",
        f"strd r0, r1, [sp, #{PLANE}]",
        f"str r2, [sp, #{STREAM}]",
        "mov r2, #4",
        f"str r2, [sp, #{CHANNELS_LEFT}]",
        "mov pc, r3",
    ]
    return function(ENTRY, "Common entry of all depthwise convolutions over planes.", lines)


def code(shape: Shape) -> SourceFile:
    """The code of a layer: `shape.rows` rows of `shape.out_w` outputs in each of four channels."""
    lines = ["1:"]  # channels whose codes share a byte
    parts = per_byte(shape.requantizer)
    for place in range(parts):
        lines += [
            f"ldrd r0, r1, [sp, #{PLANE}]",
            f"ldr r2, [sp, #{STREAM}]",
            *load_constants(shape.requantizer, shape.weight_words),
            *(_rows_stride1(shape, place) if shape.stride == 1 else _rows_stride2(shape, place)),
            f"ldrd r0, r1, [sp, #{PLANE}]",
            *_add("r0", shape.plane, "r3"),
            *(["add r1, r1, #1"] if place == parts - 1 else []),
            f"strd r0, r1, [sp, #{PLANE}]",
        ]
    lines += [
        f"ldr r2, [sp, #{CHANNELS_LEFT}]",
        f"subs r2, r2, #{parts}",
        f"str r2, [sp, #{CHANNELS_LEFT}]",
        "bne 1b",
        f"add sp, sp, #{FRAME}",
        f"pop {registers([*SAVED, 'pc'])}",
    ]
    size = f"{shape.rows} rows of {shape.out_w} outputs, {shape.pixel} bytes each"
    comment = f"Depthwise 3x3, stride {shape.stride}: {size}."
    return function(shape.name, comment, lines)


def per_byte(requantizer: Requantizer) -> int:
    """Output codes that share a byte; they are stored in ascending order."""
    return 8 // requantizer.bits


def store(total: str, address: str, free: str, requantizer: Requantizer, place: int) -> list[str]:
    """Stores a code at its place in a byte; what lies behind it is lost, and stored later."""
    if place == 0:
        return [f"strb {total}, {address}"]
    bits = requantizer.bits
    insert = f"bfi {free}, {total}, #{bits * place}, #{bits}"
    return [f"ldrb {free}, {address}", insert, f"strb {free}, {address}"]


def load_constants(requantizer: Requantizer, weight_words: int) -> list[str]:
    """Weights to registers, the rest of the channel's words to the stack; moves the stream on."""
    lines = [f"ldm r2!, {registers(WEIGHTS[:weight_words])}"]
    copies = [BIAS, *(REQUANTIZE + 4 * i for i in range(requantizer.words))]
    copies += [_CLAMP, _CLAMP + 4] if requantizer.clamps else []
    for offset in copies:
        lines += ["ldr r3, [r2], #4", f"str r3, [sp, #{offset}]"]
    return [*lines, f"str r2, [sp, #{STREAM}]"]


def requantize(requantizer: Requantizer, totals: list[str], free: tuple[str, str]) -> list[str]:
    """Requantizes registers with the constants on the stack."""
    form = requantizer.form
    if form is not None and not form.signed:
        lines = [f"ldrd {free[0]}, {free[1]}, [sp, #{REQUANTIZE}]"]
        for total in totals:
            lines += requantizer.two_instructions(total, *free)
    else:
        lines = []
        for total in totals:
            lines += requantizer.from_memory(total, "sp", REQUANTIZE, free)
    if requantizer.clamps:
        lines.append(f"ldrd {free[0]}, {free[1]}, [sp, #{_CLAMP}]")
        for total in totals:
            lines += [f"cmp {total}, {free[0]}", "it lt", f"movlt {total}, {free[0]}"]
            lines += [f"cmp {total}, {free[1]}", "it gt", f"movgt {total}, {free[1]}"]
    return lines


def _add(register: str, value: int, free: str) -> list[str]:
    """Adds a constant of any size to a register."""
    if value == 0:
        return []
    if abs(value) <= MAX_OFFSET:
        return [f"{'addw' if value > 0 else 'subw'} {register}, {register}, #{abs(value)}"]
    lines = [f"movw {free}, #{abs(value) & 0xFFFF}"]
    if abs(value) > 0xFFFF:
        lines.append(f"movt {free}, #{abs(value) >> 16}")
    return [*lines, f"{'add' if value > 0 else 'sub'} {register}, {register}, {free}"]


def _rows_stride1(shape: Shape, place: int) -> list[str]:
    """Pairs of rows; the last pair of an odd number overlaps the one before."""
    pairs = -(-shape.rows // 2)
    columns = list(_columns_stride1(shape, place))
    done = 2 * (shape.out_w // 2)  # columns that the pointers have moved by
    lines = []
    if pairs > 1:
        lines = [f"mov r2, #{pairs}", f"str r2, [sp, #{ROWS_LEFT}]", "2:"]
    lines += columns
    if pairs > 1:
        lines += _add("r0", 2 * shape.pitch - 2 * done, "r3")
        lines += _add("r1", 2 * shape.out_pitch - done * shape.pixel, "r3")
        lines += [f"ldr r2, [sp, #{ROWS_LEFT}]", "subs r2, r2, #1", f"str r2, [sp, #{ROWS_LEFT}]", "beq 4f"]
        if shape.rows % 2:
            lines += ["cmp r2, #1", "bne 2b"]
            lines += _add("r0", -shape.pitch, "r3") + _add("r1", -shape.out_pitch, "r3")
        lines += ["b 2b", "4:"]
    return lines


def _columns_stride1(shape: Shape, place: int) -> Iterator[str]:
    """Two rows of outputs: a loop over unrolled pairs of columns, the pairs left over, a last odd column."""
    pairs = shape.out_w // 2
    unroll = _unroll(pairs)
    rounds = pairs // unroll if unroll else 0
    if rounds > 1:
        yield from [*_move("r2", "r0", 4 * unroll * rounds), f"str r2, [sp, #{ROW_END}]", "3:"]
    if rounds:
        for pair in range(unroll):
            yield from _block_stride1(shape, place, pair, 2)
        yield from _add("r0", 4 * unroll, "r3") + _add("r1", 2 * unroll * shape.pixel, "r3")
    if rounds > 1:
        yield from [f"ldr r2, [sp, #{ROW_END}]", "cmp r0, r2", "bne 3b"]
    left = pairs - unroll * rounds
    for pair in range(left):
        yield from _block_stride1(shape, place, pair, 2)
    if shape.out_w % 2:
        yield from _block_stride1(shape, place, left, 1)
    yield from _add("r0", 4 * left, "r3") + _add("r1", 2 * left * shape.pixel, "r3")


def _unroll(count: int) -> int:
    """Unrolling with the least code left over."""
    return min(range(UNROLL, 0, -1), key=lambda u: (count % u if u <= count else count, -u)) if count else 0


def _move(target: str, source: str, offset: int) -> list[str]:
    return [f"mov {target}, {source}", *_add(target, offset, "r3")] if offset else [f"mov {target}, {source}"]


def _block_stride1(shape: Shape, place: int, pair: int, columns: int) -> list[str]:
    """Two rows of one or two outputs. The bias, in the last sum, is the addend of every first product."""
    totals = {(y, c): f"r{4 + 2 * y + c}" for y in range(2) for c in range(columns)}
    last = totals[1, columns - 1]
    lines, begun = [f"ldr {last}, [sp, #{BIAS}]"], set()
    for row in range(4):
        lines.append(f"ldrd r2, r3, [r0, #{row * shape.pitch + 4 * pair}]")
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
    lines += requantize(shape.requantizer, list(totals.values()), ("r2", "r3"))
    places = [y * shape.out_pitch + (2 * pair + column) * shape.pixel for y, column in totals]
    return lines + _stores(shape, place, list(totals.values()), places)


def _stores(shape: Shape, place: int, totals: list[str], offsets: list[int]) -> list[str]:
    """Stores codes at offsets to r1, which need not be within reach of one STRB; r2 and r3 are free."""
    lines, base, start = [], "r1", 0
    for total, offset in zip(totals, offsets, strict=True):
        if offset - start > MAX_OFFSET:
            lines += _move("r2", "r1", offset)
            base, start = "r2", offset
        lines += store(total, f"[{base}, #{offset - start}]", "r3", shape.requantizer, place)
    return lines


def _rows_stride2(shape: Shape, place: int) -> list[str]:
    """Rows of single outputs; r7 counts columns, r5 and r6 hold constants or are free."""
    unroll = _unroll(shape.out_w)
    rounds = shape.out_w // unroll
    left = shape.out_w - unroll * rounds
    form = shape.requantizer.form
    in_registers = form is not None and not form.signed and not form.clamp
    lines = [f"ldr lr, [sp, #{BIAS}]"]
    if in_registers:
        lines.append(f"ldrd r5, r6, [sp, #{REQUANTIZE}]")
    lines += [f"mov r7, #{shape.rows}", f"str r7, [sp, #{ROWS_LEFT}]", "2:"]
    if rounds > 1:
        lines += [f"mov r7, #{rounds}", "3:"]
    for column in range(unroll):
        lines += _output_stride2(shape, place, column, in_registers)
    lines += _add("r0", 4 * unroll, "r2") + _add("r1", unroll * shape.pixel, "r2")
    if rounds > 1:
        lines += ["subs r7, r7, #1", "bne 3b"]
    for column in range(left):
        lines += _output_stride2(shape, place, column, in_registers)
    lines += _add("r0", 2 * shape.pitch - 4 * unroll * rounds, "r2")
    lines += _add("r1", shape.out_pitch - unroll * rounds * shape.pixel, "r2")
    return [
        *lines,
        f"ldr r7, [sp, #{ROWS_LEFT}]",
        "subs r7, r7, #1",
        f"str r7, [sp, #{ROWS_LEFT}]",
        "bne 2b",
    ]


def _output_stride2(shape: Shape, place: int, column: int, in_registers: bool) -> list[str]:
    """One output. Weights: r8-r10 = (w0, w1) of each row, r11 = w2 of rows 0 and 1, r12 = w2 of row 2."""
    lines = []
    for row, last in enumerate(
        ("smlabb r4, r3, r11, r4", "smlabt r4, r3, r11, r4", "smlabb r4, r3, r12, r4")
    ):
        lines.append(f"ldrd r2, r3, [r0, #{row * shape.pitch + 4 * column}]")
        lines += [f"smlad r4, r2, {WEIGHTS[row]}, {'r4' if row else 'lr'}", last]
    if in_registers:
        lines += shape.requantizer.two_instructions("r4", "r5", "r6")
    else:
        lines += requantize(shape.requantizer, ["r4"], ("r5", "r6"))
    return [*lines, *_stores(shape, place, ["r4"], [column * shape.pixel])]


def slowness(requantizer: Requantizer) -> float:
    """Instructions of an output beyond the shortest requantization and the storing of a byte."""
    clamping = 8 if requantizer.clamps else 0
    return (requantizer.instructions - 3) + clamping + 2 - 2 / per_byte(requantizer)


def instructions(shape: Shape) -> int:
    """Estimated instructions of the code for four channels."""
    slow = slowness(shape.requantizer)
    if shape.stride == 1:
        pairs, odd = divmod(shape.out_w, 2)
        row = pairs * (42 + 4 * slow) + odd * (24 + 2 * slow) + 5 * (pairs // UNROLL + 1)
        return int(4 * (-(-shape.rows // 2) * (row + 9) + 35))
    row = shape.out_w * (12 + slow) + 4 * (shape.out_w // UNROLL + 1)
    return int(4 * (shape.rows * (row + 5) + 35))
