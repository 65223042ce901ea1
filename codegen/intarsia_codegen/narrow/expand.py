# SPDX-License-Identifier: Apache-2.0
"""Packed pixels to words that hold the same channel of neighbouring pixels in fields."""

from __future__ import annotations

from intarsia_codegen.asm import function
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.narrow.sources import constant

ENTRY = "itr_dsp_expand"
STACK_BYTES = 36

_RAW = ["r7", "r8", "r12"]
_POINTERS = ["r4", "r5", "r11"]
STEP = 12
"""Bytes between the words of two channels: three words are made for every channel, in turns."""


def entry() -> SourceFile:
    """itr_dsp_expand(pixels, words, count, code): jumps to the code."""
    lines = ["push {r4, r5, r6, r7, r8, r9, r10, r11, lr}", "mov pc, r3"]
    return function(ENTRY, "Common entry of all ways to expand pixels.", lines)


def expand(bits: int, lanes: int, spacing: int) -> tuple[str, SourceFile]:
    """Label and source: `lanes` pixels of `bits` to one word per channel, fields `spacing` bits apart.

    Codes are counted from the lowest one. Returns the sum of all words, which is of use where fields hold it.
    """
    name = f"{ENTRY}_{bits}x{lanes}_{spacing}"
    flip = sum(1 << (bits * i + bits - 1) for i in range(32 // bits))
    mask = sum(((1 << bits) - 1) << (spacing * i) for i in range(lanes))
    raw, pointers = _RAW[:lanes], _POINTERS[:lanes]
    lines = [f"ldr {p}, [r0, #{4 * i}]" for i, p in enumerate(pointers)]
    lines += [*constant("r3", mask), "mov r6, #0", "1:"]
    lines += [f"ldr {r}, [{p}], #4" for r, p in zip(raw, pointers, strict=True)]
    lines += [f"eor {r}, {r}, #{flip:#x}" for r in raw]
    per_word, at_once = 32 // bits, min(spacing, 32 - spacing * (lanes - 1)) // bits
    for start in range(0, per_word, at_once):
        count = min(at_once, per_word - start)
        lines.append(f"mov r9, {raw[0]}")
        for lane in range(1, lanes):
            width = min(spacing, 32 - spacing * lane)
            lines.append(f"bfi r9, {raw[lane]}, #{spacing * lane}, #{width}")
        for code in range(count):
            lines.append(f"and r10, r3, r9, lsr #{bits * code}" if code else "and r10, r3, r9")
            lines += ["add r6, r6, r10", f"str r10, [r1], #{STEP}"]
        if start + count < per_word:
            lines += [f"lsr {r}, {r}, #{bits * count}" for r in raw]
    lines += ["subs r2, r2, #1", "bne 1b", "mov r0, r6", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}"]
    comment = "r0 pointers to pixels, r1 words, r2 words of a pixel left, r3 mask, r6 sum."
    return name, function(name, comment, lines)
