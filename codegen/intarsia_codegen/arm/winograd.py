# SPDX-License-Identifier: Apache-2.0
"""3x3 convolution with 2.25 times fewer products: Winograd's F(2x2, 3x3), exact in integers.

Lavin and Gray, Fast Algorithms for Convolutional Neural Networks (2016), equation 8: a tile of 2x2 outputs is

    Y = A' [(G g G') * (B' d B)] A

with the 4x4 window d and the 3x3 weights g. G holds halves; here both of its factors are doubled, so that
transformed weights are integers and sums are 4 times the accumulator. They are scaled by 2**s more, as far as 16 bits
hold them, for the resolution of the requantization. B' d B of int8 values lies within 512 of zero and fits halfwords.
All that follows the products is additions modulo 2**32, so that nothing is lost as long as the result fits 32 bits.

Four tiles side by side are computed at a time: columns of four rows are transformed (`columns`), then rows of ten
columns (`tiles`), which gives 16 matrices of four tiles by the input channels; each is multiplied by the weights of two
output channels, and the 16 products are transformed back, requantized and stored (`multiply`).
"""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia_codegen.arm.requantize import Requantizer
from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile

DOUBLED_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int64)

FREQUENCIES = 16
TILES = 4
BLOCK_W = 2 * TILES
"""Output columns of a block; an output row must have as many."""

SCALE_BITS = 2
"""Sums are 2**SCALE_BITS times the accumulator, before the weights are scaled."""

MAX_IN_C = 80
"""Most input channels: what the offsets in `tiles` reach."""

COLUMNS = "itr_dsp_winograd_columns"

_SUMS = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]
_SAVED = [*_SUMS, "lr"]

# Stack frame of `multiply`: where products go and end, arguments, fields of the run, products.
_NEXT, _TILES, _OUT, _END, _ROW, _COLUMN, _PRODUCTS = 0, 8, 12, 16, 20, 24, 32
_FRAME = _PRODUCTS + FREQUENCIES * 32
MULTIPLY_STACK_BYTES = _FRAME + 36
COLUMNS_STACK_BYTES = 40
TILES_STACK_BYTES = 36


def transform(weights: Int64Array) -> Int64Array:
    """Weights [out_c, 3, 3, in_c] to [out_c, 16, in_c], 4 times as large as the paper's."""
    spectrum: Int64Array = np.einsum("ia,oabc,jb->oijc", DOUBLED_G, weights, DOUBLED_G)
    return spectrum.reshape(len(weights), FREQUENCIES, -1)


def columns_bytes(span_w: int, in_c: int) -> int:
    """Scratch for the transformed columns of one row of tiles."""
    return span_w * in_c * 8


def tiles_bytes(in_c: int) -> int:
    """Scratch for the transformed windows of a block of tiles."""
    return FREQUENCIES * in_c * 2 * TILES


def columns() -> SourceFile:
    """itr_dsp_winograd_columns(rows, columns, words): four rows of `words` words each, column by column.

    Every word of four channels becomes eight: for each of four frequencies channels (0, 2) and (1, 3).
    """
    lines = [
        f"push {registers(['r2', *_SAVED])}",
        "mov r12, r1",
        "ldm r0, {r0, r1, r2, r3}",
        "1:",
        *(f"ldr r{4 + k}, [r{k}], #4" for k in range(4)),
    ]
    for k in range(4):
        lines += [f"sxtb16 r{8 + k}, r{4 + k}, ror #8", f"sxtb16 r{4 + k}, r{4 + k}"]
    for first in (4, 8):
        d0, d1, d2, d3 = (f"r{first + k}" for k in range(4))
        lines += [f"ssub16 {d0}, {d0}, {d2}", f"ssub16 {d3}, {d1}, {d3}", f"sadd16 lr, {d1}, {d2}"]
        lines += [f"ssub16 {d2}, {d2}, {d1}", f"mov {d1}, lr"]
    lines += [f"strd r{4 + i}, r{8 + i}, [r12, #{8 * i}]" for i in range(4)]
    lines += ["add r12, #32", "ldr r4, [sp]", "subs r4, #1", "str r4, [sp]", "bne 1b"]
    lines += ["add sp, #4", f"pop {registers([*_SUMS, 'pc'])}"]
    comment = "r0-r3 rows, r12 columns, r4-r7 channels 0 and 2 of the rows, r8-r11 channels 1 and 3."
    return function(COLUMNS, comment, lines)


def tiles(in_c: int) -> SourceFile:
    """itr_dsp_winograd_tiles_c<in_c>(columns, tiles): ten columns to the windows of four tiles."""
    even, odd = ["r3", "r4", "r5", "r6", "r7"], ["r8", "r9", "r10", "r11", "lr"]
    frequency = 8 * in_c
    lines = [f"push {registers(_SAVED)}", f"mov r12, #{in_c // 4}", "1:"]
    for row in range(4):
        lines.append(f"addw r2, r1, #{2 * frequency}")
        for half in range(2):
            for k in range(5):
                lines += _load(even[k], 2 * k * frequency + 8 * row + 4 * half)
            for k in range(5):
                lines += _load(odd[k], (2 * k + 1) * frequency + 8 * row + 4 * half)
            lines += _row_of_tiles(even, odd, frequency, 16 * half)
        lines.append(f"addw r1, r1, #{4 * frequency}")
    lines += [f"sub r1, r1, #{FREQUENCIES * frequency}", "add r1, r1, #32", "add r0, r0, #32"]
    lines += ["subs r12, #1", "bne 1b", f"pop {registers([*_SUMS, 'pc'])}"]
    comment = "r0 columns, r1 and r2 tiles, r3-r7 even columns, r8-r11 and lr odd ones, r12 words left."
    return function(f"itr_dsp_winograd_tiles_c{in_c}", comment, lines)


def _load(register: str, offset: int) -> list[str]:
    if offset < 4096:
        return [f"ldr {register}, [r0, #{offset}]"]
    return [f"addw {register}, r0, #2048", f"ldr {register}, [{register}, #{offset - 2048}]"]


def _row_of_tiles(even: list[str], odd: list[str], frequency: int, offset: int) -> list[str]:
    """d0 - d2, d1 + d2, d2 - d1, d1 - d3 of four tiles; tile p has even[p], odd[p], even[p + 1], odd[p + 1]."""
    first, second, third, fourth = (
        ("r1", offset),
        ("r1", offset + frequency),
        ("r2", offset),
        ("r2", offset + frequency),
    )
    lines = [f"ssub16 {even[0]}, {even[0]}, {even[1]}", f"str {even[0]}, [{first[0]}, #{first[1]}]"]
    for p in range(4):
        lines += [f"sadd16 {even[0]}, {odd[p]}, {even[p + 1]}"]
        lines += [f"str {even[0]}, [{second[0]}, #{second[1] + 4 * p}]"]
        lines += [f"ssub16 {even[0]}, {even[p + 1]}, {odd[p]}"]
        lines += [f"str {even[0]}, [{third[0]}, #{third[1] + 4 * p}]"]
    lines += [f"ssub16 {even[p]}, {even[p]}, {even[p + 1]}" for p in (1, 2, 3)]
    lines += [f"ssub16 {odd[p]}, {odd[p]}, {odd[p + 1]}" for p in range(4)]
    lines += [f"str {even[1]}, [{first[0]}, #{first[1] + 4}]"]
    lines += [f"strd {even[2]}, {even[3]}, [{first[0]}, #{first[1] + 8}]"]
    lines += [f"strd {odd[0]}, {odd[1]}, [{fourth[0]}, #{fourth[1]}]"]
    return [*lines, f"strd {odd[2]}, {odd[3]}, [{fourth[0]}, #{fourth[1] + 8}]"]


def multiply(in_c: int, requantizer: Requantizer) -> SourceFile:
    """itr_dsp_winograd_multiply_c<in_c>_<requantizer>(tiles, run, out): the channels of a run, four tiles."""
    lines = [
        f"push {registers(_SAVED)}",
        f"sub sp, sp, #{_FRAME}",
        "ldm r1, {r1, r4, r5, r6}",  # the run's fields in order
        f"strd r0, r2, [sp, #{_TILES}]",
        f"strd r4, r5, [sp, #{_END}]",
        f"str r6, [sp, #{_COLUMN}]",
        "1:",
        f"add r2, sp, #{_PRODUCTS}",
        f"add r3, sp, #{_FRAME}",
        f"strd r2, r3, [sp, #{_NEXT}]",
        f"ldr r0, [sp, #{_TILES}]",
        "2:",
    ]
    for word in range(in_c // 2):
        lines += _products(first=word == 0)
    lines += [f"ldrd r2, r3, [sp, #{_NEXT}]", f"stm r2!, {registers(_SUMS)}", f"str r2, [sp, #{_NEXT}]"]
    lines += ["cmp r2, r3", "bne 2b", f"ldr r0, [sp, #{_OUT}]"]
    for channel in range(2):
        for tile in range(TILES):
            lines += _transform_back(tile, channel * channel_bytes(requantizer), channel)
            lines += _requantize(requantizer, channel * channel_bytes(requantizer) + 4)
            lines += ["strb r4, [r0]", "strb r5, [r0, r7]", "strb r8, [r0, r6]", "add r6, r6, r7"]
            lines += ["strb r9, [r0, r6]", "add r0, r0, r7, lsl #1"]
        lines += ["sub r0, r0, r7, lsl #3", "add r0, r0, #1"]
    lines += [f"str r0, [sp, #{_OUT}]", f"add r1, r1, #{2 * channel_bytes(requantizer)}"]
    lines += [f"ldr r2, [sp, #{_END}]", "cmp r1, r2", "bne 1b"]
    lines += [f"add sp, sp, #{_FRAME}", f"pop {registers([*_SUMS, 'pc'])}"]
    comment = (
        "r0 tiles, then outputs; r1 weight stream; r2-r3 activations, r12 and lr weights, r4-r11 products of\n"
        "   4 tiles x 2 channels. Products of the 16 frequencies lie on the stack until they are transformed back."
    )
    return function(multiply_name(in_c, requantizer), comment, lines)


def multiply_name(in_c: int, requantizer: Requantizer) -> str:
    return f"itr_dsp_winograd_multiply_c{in_c}_{requantizer.name}"


def channel_bytes(requantizer: Requantizer) -> int:
    """Of the stream behind the weights of two channels, for each: its bias and the constants of its requantization."""
    return 4 * (1 + requantizer.words)


def _products(first: bool) -> list[str]:
    """Two channels of four tiles times the weights of two output channels."""
    lines = ["ldrd r12, lr, [r1], #8"]
    for pair in range(2):
        lines.append("ldrd r2, r3, [r0], #8")
        for tile, value in ((2 * pair, "r2"), (2 * pair + 1, "r3")):
            for channel, weight in enumerate(("r12", "lr")):
                total = _SUMS[2 * tile + channel]
                lines.append(
                    f"smuad {total}, {value}, {weight}"
                    if first
                    else f"smlad {total}, {value}, {weight}, {total}"
                )
    return lines


def _transform_back(tile: int, bias: int, channel: int) -> list[str]:
    """A' M A of a tile: outputs (0, 0), (0, 1) in r4, r5 and (1, 0), (1, 1) in r8, r9.

    The bias, at [r1, #bias], is added to frequency 1 of both rows, which goes into each output once.
    """
    lines = []
    for j in range(4):
        at = [_PRODUCTS + 32 * (4 * i + j) + 8 * tile + 4 * channel for i in range(4)]
        lines += [f"ldr {r}, [sp, #{place}]" for r, place in zip(("r2", "r3", "r12", "lr"), at, strict=True)]
        lines += [f"add r{4 + j}, r3, r12", f"sub r{8 + j}, r3, r12"]
        lines += [f"add r{4 + j}, r{4 + j}, r2", f"sub r{8 + j}, r{8 + j}, lr"]
    lines += [f"ldr r2, [r1, #{bias}]", "add r5, r5, r2", "add r9, r9, r2"]
    for b in (4, 8):
        lines += [f"add r{b}, r{b}, r{b + 1}", f"add r{b}, r{b}, r{b + 2}"]
        lines += [f"sub r{b + 1}, r{b + 1}, r{b + 2}", f"sub r{b + 1}, r{b + 1}, r{b + 3}"]
    return lines


def _requantize(requantizer: Requantizer, at: int) -> list[str]:
    """Codes of r4, r5, r8, r9 with constants at [r1, #at]; r6 and r7 get the distances of output rows and columns."""
    outputs = ("r4", "r5", "r8", "r9")
    if requantizer.form is None:
        lines = [line for r in outputs for line in requantizer.from_memory(r, "r1", at, ("r2", "r3"))]
    elif requantizer.form.signed:
        lines = [f"ldrd r2, r3, [r1, #{at}]", f"ldr r12, [r1, #{at + 8}]"]
        lines += [line for r in outputs for line in requantizer.sign_form(r, ("r2", "r3", "r12"), "lr")]
    else:
        lines = [f"ldrd r2, r3, [r1, #{at}]"]
        lines += [line for r in outputs for line in requantizer.two_instructions(r, "r2", "r3")]
    return [*lines, f"ldrd r6, r7, [sp, #{_ROW}]"]
