# SPDX-License-Identifier: Apache-2.0
"""Matrix products below 8 bits: two output channels by up to nine pixels, several products per UMLAL.

An activation word holds the same input channel of `lanes` pixels, `spacing` bits apart, a weight word the
weights of two output channels at bits 0 and 32 - weight bits. Their product has 2 * lanes fields, one for
each pair of pixel and output channel; the second channel's fields start at bit 32 - weight bits and go on in
the upper word.

Weights are stored as w + excess >= 0, two channels side by side: rotating a packed word brings two
neighbouring codes to both ends, so one AND makes a weight word. Sums start from
excess * (largest code * steps - sum of codes), which makes them, whatever the codes are,

    sum of code * w  +  excess * largest code * steps,

never negative and never more than largest code * largest stored weight * steps. A chunk has no more steps
than keep that below 2**spacing. Layers with more chunks add them up in memory, two or three fields to a word:
U += u and V += u >> spacing give the sums again as U - (V << spacing) and V, modulo 2**32.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from intarsia_codegen.asm import function, label, registers
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.narrow.fit import FINE_SCALE, PRODUCT_SCALE, WORD_SCALE, Line, level_of
from intarsia_codegen.narrow.layer import Narrow
from intarsia_codegen.narrow.sources import constant

BASE = "itr_dsp_outer"
ENTRY = f"{BASE}_product"
GROUPS = 3
"""Activation words per step."""

_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
_TOTALS = [("r0", "r1"), ("r2", "r3"), ("r4", "r5")]
_OUT, _PITCH, _NEXT, _END, _BUFFER, _FLUSH, _REQUANTIZE, _OTHER, _LEFT, _CHUNKS, _MASK = range(0, 44, 4)
_SUMS = _MASK + 8
FRAME = _SUMS + 4 * 2 * 3 * GROUPS
STACK_BYTES = FRAME + 36


@dataclass(frozen=True)
class Shape:
    """How words are laid out for a width of weights and of feature maps; `steps`: the longest chunk."""

    weight_bits: int
    in_bits: int
    lanes: int
    spacing: int
    steps: int

    @property
    def name(self) -> str:
        return f"{BASE}_w{self.weight_bits}a{self.in_bits}_{self.steps}"

    @property
    def pixels(self) -> int:
        return GROUPS * self.lanes

    @property
    def second(self) -> int:
        """Bit of the second channel."""
        return 32 - self.weight_bits

    @property
    def largest(self) -> int:
        """Largest activation, counted from the lowest code."""
        return (1 << self.in_bits) - 1

    @property
    def ones(self) -> int:
        """A word with 1 in every field."""
        return sum(1 << (self.spacing * i) for i in range(self.lanes))

    @property
    def steps_per_word(self) -> int:
        return 16 // self.weight_bits

    def fits(self, most: int) -> bool:
        """Whether no field reaches its neighbour when none can be larger than `most`."""
        return most < 1 << self.spacing and self.second + self.lanes * self.spacing <= 64

    def rotations(self) -> list[tuple[int, int, int]]:
        """For each step of a packed word: its rotation and the places of both channels' codes."""
        places = 32 // self.weight_bits
        return [(j * self.weight_bits, j, (j - 1) % places) for j in range(0, places, 2)]

    def skip(self, steps: int) -> int:
        """Bytes of the unrolled code that a shorter chunk leaves out."""
        words = (self.steps - steps) // self.steps_per_word
        return words * 4 * (1 + self.steps_per_word * (2 + GROUPS))


SHAPES = {
    (4, 4): (Shape(4, 4, 2, 14, 96), Shape(4, 4, 2, 14, 72)),
    (2, 4): (Shape(2, 4, 2, 14, 96),),
    (2, 2): (Shape(2, 2, 3, 10, 112),),
}
"""By width of weights and of feature maps. The last one holds any weights; one before it those of most layers."""


def entry() -> SourceFile:
    """itr_dsp_outer_product(buffer, run, out): lays the run's fields out on the stack and jumps to its code."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        f"sub sp, sp, #{FRAME}",
        "ldm r1, {r4, r5, r6, r7, r8, r9, r10, r11}",  # the run's fields in order
        f"strd r2, r4, [sp, #{_OUT}]",
        f"str r5, [sp, #{_END}]",
        f"str r0, [sp, #{_BUFFER}]",
        f"strd r6, r7, [sp, #{_FLUSH}]",
        f"str r8, [sp, #{_OTHER}]",
        f"strd r9, r9, [sp, #{_LEFT}]",
        "cmp r9, #1",
        "beq 1f",
        "mov r0, #0",
        *[f"str r0, [sp, #{_SUMS + 4 * i}]" for i in range(6 * GROUPS)],
        "1:",
        "mov pc, r10",
    ]
    return function(ENTRY, "Common entry; the code of a layer is reached by jumps.", lines)


def multiply(shape: Shape) -> SourceFile:
    """Multiplies pixels by two channels: `<name>_pair` begins two, `<name>_chunk` their next chunk, and `<name>_more`
    goes on with the same sums."""
    code = (1 << shape.weight_bits) - 1
    lines = [
        *constant("r9", code | code << shape.second),
        *constant("lr", 1 | 1 << shape.second),
        f"strd r9, lr, [sp, #{_MASK}]",
        *label(f"{shape.name}_pair"),
        f"ldr r9, [sp, #{_MASK}]",
        f"ldr r10, [sp, #{_BUFFER}]",
        *label(f"{shape.name}_chunk"),
        f"ldr lr, [sp, #{_MASK + 4}]",
        "ldm r10!, {r6, r7, r8}",
        *[f"smull {low}, {high}, r{6 + g}, lr" for g, (low, high) in enumerate(_TOTALS)],
        *label(f"{shape.name}_more"),
        "ldr r12, [r11], #4",
        "add pc, r12",
        "nop",
    ]
    for _ in range(shape.steps // shape.steps_per_word):
        lines.append("ldr r12, [r11], #4")
        for rotation, _, _ in shape.rotations():
            lines.append("ldm r10!, {r6, r7, r8}")
            lines.append(f"and lr, r9, r12, ror #{rotation}" if rotation else "and lr, r9, r12")
            lines += [f"umlal {low}, {high}, r{6 + g}, lr" for g, (low, high) in enumerate(_TOTALS)]
    lines.append(f"ldr pc, [sp, #{_FLUSH}]")
    comment = (
        "r10 activations, r11 weight stream, r9 mask, r0-r5 products, r6-r8 activations, r12 packed\n"
        "   weights, lr weight word. A word of the stream says how much of the unrolled code to skip."
    )
    return function(shape.name, comment, lines)


def flush(shape: Shape) -> SourceFile:
    """Adds a chunk to the sums in memory; with the last chunk of two channels goes on to requantize."""
    name = f"{shape.name}_flush"
    used = shape.lanes * shape.spacing
    lines = []
    for group, (low, high) in enumerate(_TOTALS):
        lines += [
            f"ubfx r12, {low}, #0, #{used}",
            f"lsr {low}, {low}, #{shape.second}",
            f"orr {low}, {low}, {high}, lsl #{32 - shape.second}",
        ]
        for channel, word in enumerate(("r12", low)):
            lines += _add_fields(shape, _slot(shape, group, channel), word)
    lines += [
        f"ldrd r6, r7, [sp, #{_LEFT}]",
        "subs r6, r6, #1",
        "it eq",
        "moveq r6, r7",
        f"str r6, [sp, #{_LEFT}]",
        f"bne {shape.name}_chunk",
        f"ldr pc, [sp, #{_REQUANTIZE}]",
    ]
    return function(name, "r0-r5 products; r6-r8, lr free.", lines)


def follow(shape: Shape) -> SourceFile:
    """Goes on with the next steps in the same fields; with the last ones of two channels to requantize."""
    lines = [
        f"ldrd r6, r7, [sp, #{_LEFT}]",
        "subs r6, r6, #1",
        "it eq",
        "moveq r6, r7",
        f"str r6, [sp, #{_LEFT}]",
        f"bne {shape.name}_more",
        f"ldr pc, [sp, #{_REQUANTIZE}]",
    ]
    return function(f"{shape.name}_follow", "r0-r5 products; r6, r7 free.", lines)


def _slot(shape: Shape, group: int, channel: int) -> int:
    return _SUMS + 4 * shape.lanes * (2 * group + channel)


def _add_fields(shape: Shape, slot: int, word: str) -> list[str]:
    shifted = ["", f", lsr #{shape.spacing}", f", lsr #{2 * shape.spacing}"]
    lines = [f"ldrd r6, r7, [sp, #{slot}]"]
    lines += [f"add {r}, {r}, {word}{s}" for r, s in zip(("r6", "r7"), shifted, strict=False)]
    lines.append(f"strd r6, r7, [sp, #{slot}]")
    if shape.lanes == 3:
        lines += [
            f"ldr r8, [sp, #{slot + 8}]",
            f"add r8, r8, {word}{shifted[2]}",
            f"str r8, [sp, #{slot + 8}]",
        ]
    return lines


@dataclass(frozen=True)
class Finish:
    """How sums become outputs: exponent and scale_bits of the line (see `fit`), width, limits beyond saturation, and
    the level below which another line counts."""

    exponent: int
    scale_bits: int
    out_bits: int
    limits: tuple[int | None, int | None]
    level: int | None = None

    @property
    def name(self) -> str:
        low, high = (
            "" if v is None else f"{tag}{v & 0xFF}" for tag, v in zip("lh", self.limits, strict=True)
        )
        kind = {WORD_SCALE: "", FINE_SCALE: "m", PRODUCT_SCALE: "p"}[self.scale_bits]
        level = "" if self.level is None else f"z{(self.level >> (self.exponent - 1)) & 0x1FF}"
        return f"e{self.exponent}o{self.out_bits}{low}{high}{kind}{level}"

    @property
    def instructions(self) -> int:
        """Beyond those of one line."""
        return 0 if self.level is None else 3

    def code(self, value: str, multiplier: str, offset: str, delta: str) -> list[str]:
        """The output code of a sum."""
        if self.scale_bits == PRODUCT_SCALE:
            lines = [f"mla {value}, {value}, {multiplier}, {offset}"]
        elif self.scale_bits == WORD_SCALE:
            lines = [f"smlawb {value}, {multiplier}, {value}, {offset}"]
        else:
            lines = [
                f"lsl {value}, {value}, #{FINE_SCALE}",
                f"smmla {value}, {value}, {multiplier}, {offset}",
            ]
        if self.level is not None:
            compare = f"cmn {value}, #{-self.level}" if self.level < 0 else f"cmp {value}, #{self.level}"
            lines += [compare, "it lt", f"sublt {value}, {value}, {delta}"]
        lines.append(f"ssat {value}, #{self.out_bits}, {value}, asr #{self.exponent}")
        for limit, beyond in zip(self.limits, ("lt", "gt"), strict=True):
            if limit is not None:
                move = f"mov{beyond} {value}, #{limit}" if limit >= 0 else f"mvn{beyond} {value}, #{~limit}"
                compare = f"cmp {value}, #{limit}" if limit >= 0 else f"cmn {value}, #{-limit}"
                lines += [compare, f"it {beyond}", move]
        return lines


def finish_of(layer: Narrow, line: Line, scale_bits: int, zero_point: int | None) -> Finish:
    """How the sums of a layer become outputs by a line, of two lines for both sides of a zero point."""
    level = None if zero_point is None else level_of(zero_point, line.exponent)
    return Finish(line.exponent, scale_bits, layer.out_bits, layer.limits, level)


def both_sides(shape: Shape, *, single: bool) -> bool:
    """Whether registers do for two lines per channel."""
    return shape.lanes == 2 or not single


def requantize(shape: Shape, finish: Finish, *, single: bool, place: int = 0) -> tuple[str, SourceFile]:
    """Label and source: requantizes and stores two channels, then begins the next two or returns.

    `single`: of layers of one chunk. `place`: of the two channels in their byte, where two pairs of 2 bits share one;
    one goes on to the other by exchanging their labels on the stack.
    """
    name = f"{shape.name}_{finish.name}{'' if single else '_sums'}{'_upper' if place else ''}"
    lines = _constants(finish, single)
    for group in range(GROUPS):
        lines += (_from_fields if single else _from_memory)(shape, finish, group, place)
    if single and finish.level is not None:
        lines.append(f"ldr r11, [sp, #{_SUMS}]")
    lines += [f"ldr r12, [sp, #{_OUT}]", *_advance(finish, single, place), f"str r12, [sp, #{_OUT}]"]
    lines += [
        f"ldr r12, [sp, #{_END}]",
        "cmp r11, r12",
        f"bne {shape.name}_pair",
        f"add sp, sp, #{FRAME}",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = "r6-r9 multipliers and offsets of both channels, from the stream in r11."
    return name, function(name, comment, lines)


_DELTAS = {True: ("r10", "r11"), False: ("r10", "lr")}
"""Registers of what second lines take off, for layers of one chunk and of more."""


def _constants(finish: Finish, single: bool) -> list[str]:
    """Loads the constants of two channels. Layers of one chunk have no register left for the stream then."""
    if finish.level is None:
        return ["ldm r11!, {r6, r7, r8, r9}"]
    if single:
        return ["ldm r11!, {r6, r7, r8, r9, r10, r12}", f"str r11, [sp, #{_SUMS}]", "mov r11, r12"]
    return ["ldm r11!, {r6, r7, r8, r9, r10, lr}"]


def _advance(finish: Finish, single: bool, place: int) -> list[str]:
    """Output pointer r12 to the next two channels: codes of 2 bits need two pairs for a byte."""
    if finish.out_bits > 2:
        return [f"add r12, r12, #{finish.out_bits // 4}"]
    at = _FLUSH if single else _REQUANTIZE
    lines = [f"ldrd lr, r10, [sp, #{at}]", f"strd r10, lr, [sp, #{at}]"]
    return [*lines, *(["add r12, r12, #1"] if place else [])]


def _second_field(shape: Shape, target: str, low: str, high: str, lane: int) -> list[str]:
    """Field `lane` of the second channel."""
    start = shape.second + shape.spacing * lane
    if start >= 32:
        return [f"ubfx {target}, {high}, #{start - 32}, #{shape.spacing}"]
    kept = 32 - start
    return [f"lsr {target}, {low}, #{start}", f"bfi {target}, {high}, #{kept}, #{shape.spacing - kept}"]


def _from_fields(shape: Shape, finish: Finish, group: int, place: int) -> list[str]:
    """Outputs of one activation word: both channels' sums out of the product."""
    low, high = _TOTALS[group]
    results = ["lr", low] if shape.lanes == 2 else ["lr", "r10", low]
    first_delta, second_delta = _DELTAS[True]
    lines = []
    for lane, result in enumerate(results):
        other = high if lane == 2 else "r12"
        lines += _second_field(shape, other, low, high, lane)
        lines += finish.code(other, "r8", "r9", second_delta)
        lines.append(f"ubfx {result}, {low}, #{shape.spacing * lane}, #{shape.spacing}")
        lines += finish.code(result, "r6", "r7", first_delta)
        lines.append(f"bfi {result}, {other}, #{finish.out_bits}, #{finish.out_bits}")
    return lines + _store(finish, group, results, high, "r12", place)


def _from_memory(shape: Shape, finish: Finish, group: int, place: int) -> list[str]:
    """The same from the sums in memory, which become 0 again."""
    firsts, seconds = ["r3", "r4", "r5"][: shape.lanes], ["r0", "r1", "r2"][: shape.lanes]
    lines = ["mov r12, #0"]
    for channel, values in enumerate((firsts, seconds)):
        for lane, value in enumerate(values):
            at = _slot(shape, group, channel) + 4 * lane
            lines += [f"ldr {value}, [sp, #{at}]", f"str r12, [sp, #{at}]"]
        for this, following in pairwise(values):
            lines.append(f"sub {this}, {this}, {following}, lsl #{shape.spacing}")
        constants = (*(("r6", "r7") if channel == 0 else ("r8", "r9")), _DELTAS[False][channel])
        lines += [line for value in values for line in finish.code(value, *constants)]
    lines += [
        f"bfi {a}, {b}, #{finish.out_bits}, #{finish.out_bits}" for a, b in zip(firsts, seconds, strict=True)
    ]
    return lines + _store(finish, group, firsts, "r0", "r12", place)


def _store(finish: Finish, group: int, values: list[str], pointer: str, free: str, place: int) -> list[str]:
    """Stores two channels of neighbouring pixels, those at `place` 1 into the upper half of a byte."""
    first, last = group == 0, group == GROUPS - 1
    lines = [
        f"ldrd {pointer}, {free}, [sp, #{_OUT}]" if first else f"ldrd {free}, {pointer}, [sp, #{_PITCH}]"
    ]
    instruction = "strh" if finish.out_bits == 8 else "strb"
    pitch = values[0] if place else free
    for value, at in zip(values, ("", f", {pitch}", f", {pitch}, lsl #1"), strict=False):
        where = f"[{pointer}{at}]"
        if place:
            lines += [f"ldrb {free}, {where}", f"bfi {free}, {value}, #4, #4", f"strb {free}, {where}"]
            lines += [f"ldr {pitch}, [sp, #{_PITCH}]"] if value == pitch else []
        else:
            lines.append(f"{instruction} {value}, {where}")
    if last:
        return lines
    lines.append(f"add {pointer}, {pointer}, {pitch}, lsl #1")
    lines += [f"add {pointer}, {pointer}, {pitch}"] * (len(values) - 2)
    return [*lines, f"str {pointer}, [sp, #{_NEXT}]"]
