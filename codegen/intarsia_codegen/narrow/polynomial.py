# SPDX-License-Identifier: Apache-2.0
"""3x3 windows below 8 bits as products of polynomials: one UMLAL for three taps of two or three pixels.

An activation word holds the same channel of `lanes` pixels side by side, `spacing` bits apart, a weight word the three
taps of a kernel row in reverse. The fields of their product are parts of lanes + 2 neighbouring outputs: the first two
belong to outputs that the block before began, the last two to outputs that the next one completes. Three blocks are
computed at a time. After a chunk the fields are added to sums in memory, two to a word: U += u and V += u >> spacing
give them again as U - (V << spacing) and V, modulo 2**32. A chunk is 3 kernel rows of 8 channels, whose products no
field can outgrow, or a kernel row of all channels where the layer's own weights leave room for it (`Chunk`).

Weights are stored as w + excess >= 0, packed so that a rotation and an AND make a weight word. Sums start from
-excess * (sum of the codes under the window), which is the same for all output channels.

Where the sums of a whole window fit a field once the excess is taken off, all of it is one chunk: products start from
(lead - excess * (sum of the codes of each pixel)) in the fields of a word, times three taps of 1, so that only the
true sums must fit, beside what negative weights take away, which the lead makes up for: 3 * lead for every output.
"""

from __future__ import annotations

from dataclasses import dataclass

from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.narrow.outer import Finish
from intarsia_codegen.narrow.sources import constant

BASE = "itr_dsp_poly"
ENTRY = f"{BASE}_row"
CHANNELS = 8
"""Input channels of a chunk of three kernel rows."""
LONGEST = 48
"""Most channels of a chunk of one kernel row, whose code is unrolled."""
BLOCKS = 3
_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
_TOTALS = [("r2", "r3"), ("r4", "r5"), ("r6", "r7")]
_ROWS, _WEIGHTS, _SUMS, _GROUPS, _CHUNKS, _LEFT, _FIRST = 0, 12, 16, 20, 24, 28, 32
FRAME = 40
STACK_BYTES = FRAME + 36
FINISH = f"{BASE}_finish"
FINISH_STACK_BYTES = 36
_PITCH, _SLOTS, _CODE = 36, 40, 44
"""Arguments of `finish` on the stack."""


@dataclass(frozen=True)
class Polynomial:
    """How words are laid out. `rotations`: bits by which a packed word is rotated for each of its triples."""

    weight_bits: int
    in_bits: int
    lanes: int
    spacing: int
    rotations: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{BASE}_w{self.weight_bits}a{self.in_bits}"

    @property
    def slot(self) -> int:
        """Bytes of the sums that a block completes."""
        return 8 if self.lanes == 2 else 16

    @property
    def largest(self) -> int:
        return (1 << self.in_bits) - 1

    @property
    def fits(self) -> bool:
        """Whether no field of a chunk reaches its neighbour, and triples do not overlap in a packed word."""
        most = 3 * 3 * CHANNELS * self.largest * ((1 << self.weight_bits) - 1)
        places = [(r + self.spacing * d) % 32 for r in self.rotations for d in range(3)]
        bits = {place + i for place in places for i in range(self.weight_bits)}
        apart = len(bits) == len(places) * self.weight_bits and max(bits) < 32
        return most < 1 << self.spacing and apart and (self.lanes + 2) * self.spacing <= 64


@dataclass(frozen=True)
class Chunk:
    """What is added up before fields are added to sums in memory: kernel rows, 3 or 1, and channels of each.

    `rows` is how many the code has; with `whole` it runs three times before the fields are added.
    """

    rows: int
    channels: int
    whole: bool = False

    @property
    def name(self) -> str:
        return "" if self.rows == 3 else f"_{'whole' if self.whole else 'row'}{self.channels}"


POLYNOMIALS = {
    (4, 4): Polynomial(4, 4, 2, 14, (0, 8)),
    (2, 4): Polynomial(2, 4, 3, 12, (0, 2, 4, 6)),
    (2, 2): Polynomial(2, 2, 3, 12, (0, 2, 4, 6)),
}


def entry() -> SourceFile:
    """itr_dsp_poly_row(work): copies the start of the sums, lays the work out on the stack and jumps to its code."""
    block = "{r2, r3, r4, r5, r6, r7, r8, r10}"
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        f"sub sp, sp, #{FRAME}",
        "ldm r0!, {r2, r3, r4, r5, r6, r7, r8, r9}",
        "stm sp, {r2, r3, r4, r5, r6, r7, r8}",
        "mov lr, r6",
        "ldrd r1, r12, [r0]",
        "ldr r10, [r0, #8]",
        f"str r10, [sp, #{_FIRST}]",
        "1:",
        f"ldm r1!, {block}",
        f"stm lr!, {block}",
        "subs r12, r12, #8",
        "bne 1b",
        "mov pc, r9",
    ]
    return function(ENTRY, "Common entry of rows of one output channel.", lines)


def multiply(shape: Polynomial, chunk: Chunk) -> SourceFile:
    """Adds all products of one output row and channel to its sums; chunks of one row from the last to the first."""
    code = (1 << shape.weight_bits) - 1
    lines = [
        *constant("r8", sum(code << (shape.spacing * d) for d in range(3))),
        "1:",
        f"ldr r1, [sp, #{_WEIGHTS}]",
        f"ldr r12, [sp, #{_CHUNKS}]",
        f"str r12, [sp, #{_LEFT}]",
        *(_first_products(shape) if chunk.whole else []),
        "2:",
    ]
    for row in range(chunk.rows):
        at, place = [], f"[sp, #{_ROWS + 4 * row}]"
        if chunk.rows == 1:
            at, place = ["add lr, sp, r12, lsl #2"], f"[lr, #{_ROWS - 4}]"
        lines += [*at, f"ldr r0, {place}"]
        for channel in range(chunk.channels):
            lines += _step(shape, channel, first=row == channel == 0 and not chunk.whole)
        lines += [f"ldr r12, [sp, #{_LEFT}]", *at] if at else []
        lines.append(f"str r0, {place}")
    again = ["subs r12, r12, #1", f"str r12, [sp, #{_LEFT}]", "bne.w 2b"]
    if chunk.whole:
        lines += [*again, *_flush(shape)]
    else:
        lines += [*_flush(shape), f"ldr r12, [sp, #{_LEFT}]", *again]
    lines += [
        *(["sub lr, lr, #8"] if shape.lanes == 2 else []),  # `_flush` leaves it behind four slots, or three
        f"ldr r12, [sp, #{_GROUPS}]",
        "subs r12, r12, #1",
        f"strd lr, r12, [sp, #{_SUMS}]",
        "bne.w 1b",
        f"add sp, sp, #{FRAME}",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = (
        "r0 activations, r1 weight stream, r2-r7 products of three blocks, r8 mask, r9-r11 activations,\n"
        "   r12 packed weights, lr weight word."
    )
    return function(shape.name + chunk.name, comment, lines)


def _first_products(shape: Polynomial) -> list[str]:
    """What the products of three blocks start from: three words of the row's own."""
    return [
        f"ldr r12, [sp, #{_FIRST}]",
        "ldm r12!, {r9, r10, r11}",
        f"str r12, [sp, #{_FIRST}]",
        *constant("lr", sum(1 << (shape.spacing * d) for d in range(3))),
        *[f"smull {low}, {high}, r{9 + b}, lr" for b, (low, high) in enumerate(_TOTALS)],
        f"ldr r12, [sp, #{_LEFT}]",
    ]


def _step(shape: Polynomial, channel: int, *, first: bool) -> list[str]:
    triple = channel % len(shape.rotations)
    rotation = shape.rotations[triple]
    lines = ["ldm r0!, {r9, r10, r11}"]
    if triple == 0:
        lines.append("ldr r12, [r1], #4")
    lines.append(f"and lr, r8, r12, ror #{rotation}" if rotation else "and lr, r8, r12")
    operation = "umull" if first else "umlal"
    return lines + [f"{operation} {low}, {high}, r{9 + b}, lr" for b, (low, high) in enumerate(_TOTALS)]


def _flush(shape: Polynomial) -> list[str]:
    """Adds the fields of three blocks to the sums; the last block's end to the slot behind. Leaves lr behind them."""
    return [f"ldr lr, [sp, #{_SUMS}]", *(_flush_pairs(shape) if shape.lanes == 2 else _flush_triples(shape))]


def _flush_pairs(shape: Polynomial) -> list[str]:
    """Two pixels per block: a slot is one pair, and two slots are loaded at a time."""
    pair, spacing = 2 * shape.spacing, shape.spacing
    (low0, high0), (low1, high1), (low2, high2) = _TOTALS

    def end(low: str, high: str) -> list[str]:
        return [f"lsr {low}, {low}, #{pair}", f"orr {low}, {low}, {high}, lsl #{32 - pair}"]

    def add(first: str, second: str) -> list[str]:
        return [
            "ldm lr, {r9, r10, r11, r12}",
            f"add r9, r9, {first}",
            f"add r10, r10, {first}, lsr #{spacing}",
            f"add r11, r11, {second}",
            f"add r12, r12, {second}, lsr #{spacing}",
            "stm lr!, {r9, r10, r11, r12}",
        ]

    return [
        f"ubfx r0, {low0}, #0, #{pair}",
        *end(low0, high0),
        f"ubfx {high0}, {low1}, #0, #{pair}",
        f"add {high0}, {high0}, {low0}",
        *add("r0", high0),
        *end(low1, high1),
        f"ubfx {high1}, {low2}, #0, #{pair}",
        f"add {high1}, {high1}, {low1}",
        *end(low2, high2),
        *add(high1, low2),
    ]


def _flush_triples(shape: Polynomial) -> list[str]:
    """Three pixels per block: a slot is a pair and a single sum."""
    pair, spacing = 2 * shape.spacing, shape.spacing
    end = pair + spacing - 32
    lines = []
    for block, (low, high) in enumerate(_TOTALS):
        lines.append(f"ubfx r0, {low}, #0, #{pair}")
        if block:
            lines.append(f"add r0, r0, {_TOTALS[block - 1][1]}")
        lines += [
            f"lsr {low}, {low}, #{pair}",
            f"bfi {low}, {high}, #{32 - pair}, #{end}",
            f"lsr {high}, {high}, #{end}",
            "ldm lr, {r9, r10, r11, r12}",
            "add r9, r9, r0",
            f"add r10, r10, r0, lsr #{spacing}",
            f"add r11, r11, {low}",
            "stm lr!, {r9, r10, r11, r12}",
        ]
    last = _TOTALS[-1][1]
    return [
        *lines,
        "ldrd r9, r10, [lr]",
        f"add r9, r9, {last}",
        f"add r10, r10, {last}, lsr #{spacing}",
        "strd r9, r10, [lr]",
    ]


def finish(shape: Polynomial, end: Finish) -> tuple[str, SourceFile]:
    """Label and source: outputs of a row of two channels.

    Called through itr_dsp_poly_finish(first sums, second sums, out, constants, pitch, slots, code).
    """
    name = f"{shape.name}_{end.name}"
    first, second = ["r4", "r5", "r10"][: shape.lanes], ["r6", "r7", "r11"][: shape.lanes]
    deltas, lines = ("r10", "r11"), [f"ldr r3, [sp, #{_PITCH}]", "1:"]
    if end.level is not None and shape.lanes == 2:
        lines.insert(0, "ldrd r10, r11, [r3]")
    elif end.level is not None:
        deltas = ("r11", "r3")  # while no value and no pitch is in them
        lines.insert(0, f"str r3, [sp, #{_CODE}]")
    for number, (values, pointer, multiplier, offset) in enumerate(
        ((first, "r0", "r8", "r9"), (second, "r1", "r12", "lr"))
    ):
        delta = deltas[number]
        if shape.lanes == 3 and end.level is not None:
            lines += [f"ldr {delta}, [sp, #{_CODE}]", f"ldr {delta}, [{delta}, #{4 * number}]"]
        if shape.lanes == 3:
            lines.append(f"ldr {values[2]}, [{pointer}, #8]")
        lines.append(f"ldrd {values[0]}, {values[1]}, [{pointer}], #{shape.slot}")
        lines.append(f"sub {values[0]}, {values[0]}, {values[1]}, lsl #{shape.spacing}")
        lines += [line for value in values for line in end.code(value, multiplier, offset, delta)]
    if "r3" in deltas:
        lines.append(f"ldr r3, [sp, #{_PITCH}]")
    for a, b in zip(first, second, strict=True):
        lines.append(f"bfi {a}, {b}, #{end.out_bits}, #{end.out_bits}")
        if end.out_bits == 2:
            lines += [f"ldrb {b}, [r2]", f"lsr {b}, {b}, #4", f"orr {a}, {b}, {a}, lsl #4"]
        lines += [f"{'strh' if end.out_bits == 8 else 'strb'} {a}, [r2]", "add r2, r2, r3"]
    lines += [
        f"ldr r4, [sp, #{_SLOTS}]",
        "subs r4, r4, #1",
        f"str r4, [sp, #{_SLOTS}]",
        "bne 1b",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = (
        "r0, r1 sums, r2 out, r3 pitch, r8, r9, r12, lr multipliers and offsets; slots left on the stack.\n"
        "   With second lines r10, r11 are what these take off; with three pixels they are loaded when needed,\n"
        "   from where the code was on the stack."
    )
    return name, function(name, comment, lines)


def finish_entry() -> SourceFile:
    """Common entry of `finish`: loads the constants and jumps to the code."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        f"ldr r4, [sp, #{_CODE}]",
        "ldm r3!, {r8, r9, r12, lr}",
        "mov pc, r4",
    ]
    return function(FINISH, "r0, r1 sums, r2 out, r3 constants; pitch, slots and code on the stack.", lines)
