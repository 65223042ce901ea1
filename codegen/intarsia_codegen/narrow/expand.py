# SPDX-License-Identifier: Apache-2.0
"""Packed pixels to words that hold the same channel of neighbouring pixels in fields."""

from __future__ import annotations

from intarsia_codegen.asm import function
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.narrow.sources import constant

ENTRY = "itr_dsp_expand"
STACK_BYTES, NEIGHBOURS_STACK_BYTES = 36, 56

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
    pointers = _POINTERS[:lanes]
    lines = [f"ldr {p}, [r0, #{4 * i}]" for i, p in enumerate(pointers)]
    lines += [*constant("r3", _fields(bits, lanes, spacing)), "mov r6, #0", "1:"]
    lines += [*_words(bits, lanes, spacing), "subs r2, r2, #1", "bne 1b"]
    lines += ["mov r0, r6", "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}"]
    comment = "r0 pointers to pixels, r1 words, r2 words of a pixel left, r3 mask, r6 sum."
    return name, function(name, comment, lines)


def neighbours(bits: int, lanes: int, spacing: int) -> SourceFile:
    """<name>(pixels, words, shape): three times `lanes` neighbouring pixels, and what their sums start from.

    `shape` is an itr_dsp_neighbours; the three starts come before the words.
    """
    name = f"{ENTRY}_{bits}x{lanes}_{spacing}_neighbours"
    pointers = _POINTERS[:lanes]
    steps = zip(pointers, ("r0", *pointers), strict=False)
    lines = [
        "push {r4, r5, r6, r7, r8, r9, r10, r11, lr}",
        "ldm r2, {r4, r5, r6, r7}",  # words and bytes of a pixel, start, excess
        "push {r1, r4, r5, r6, r7}",
        *constant("r3", _fields(bits, lanes, spacing)),
        "add r1, r1, #12",
        "mov lr, #3",
        "2:",
        "ldrd r2, r9, [sp, #4]",
        *[f"mov {p}, r0" if before == "r0" else f"add {p}, {before}, r9" for p, before in steps],
        f"add r0, {pointers[-1]}, r9",
        "mov r6, #0",
        "1:",
        *_words(bits, lanes, spacing),
        "subs r2, r2, #1",
        "bne 1b",
        "ldrd r7, r8, [sp, #12]",
        "ldrd r9, r2, [sp]",  # start of this word's sum, words of a pixel
        "mls r7, r8, r6, r7",
        "str r7, [r9], #4",
        "str r9, [sp]",
        "add r1, r9, #12",
        "subs lr, lr, #1",
        "bne 2b",
        "add sp, sp, #20",
        "pop {r4, r5, r6, r7, r8, r9, r10, r11, pc}",
    ]
    comment = "r0 pixels, r1 words, r2 words of a pixel left, r3 mask, r6 sum, lr groups of pixels left."
    return function(name, comment, lines)


def _fields(bits: int, lanes: int, spacing: int) -> int:
    return sum(((1 << bits) - 1) << (spacing * i) for i in range(lanes))


def _words(bits: int, lanes: int, spacing: int) -> list[str]:
    """A word of packed codes of each pixel; the sum in r6 is of all words made."""
    flip = sum(1 << (bits * i + bits - 1) for i in range(32 // bits))
    raw = _RAW[:lanes]
    lines = [f"ldr {r}, [{p}], #4" for r, p in zip(raw, _POINTERS, strict=False)]
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
    return lines
