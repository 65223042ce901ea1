# SPDX-License-Identifier: Apache-2.0
"""Products of windows and weights in assembler: four pixels, or one, by four channels, two values of a window a turn.

All 32 registers are in use: with floats, four pixels take 5 loads of several registers and 32 fused products a turn.
Halves are widened as they are loaded, since the unit only converts them.
"""

from __future__ import annotations

from collections.abc import Iterator

from intarsia_codegen import asm
from intarsia_codegen.generated import SourceFile

CHANNELS = 4
PIXELS = 4
STACK_BYTES = {PIXELS: 4 * 4 + 8 * 8, 1: 8 * 8}


def name(pixels: int, half: bool) -> str:
    return f"itr_fpv4_block_{pixels}_{'f16' if half else 'f32'}"


def prototype(pixels: int, half: bool) -> str:
    """`x`: pixels' windows; `w`: four weights for each of 2 * `pairs` values; `sums`: four of each pixel."""
    return f"void {name(pixels, half)}(const void *const *x, const void *w, int32_t pairs, float *sums)"


def source(pixels: int, half: bool) -> SourceFile:
    comment = f"{prototype(pixels, half)}\n * s0 on: sums; r1 weights, r2 pairs left, r4 on: windows."
    return asm.function(name(pixels, half), comment, _lines(pixels, half))


def cost(pixels: int, half: bool, pairs: int) -> int:
    """Instructions of a call."""
    return len(list(_lines(pixels, half))) + (pairs - 1) * (len(list(_turn(pixels, half))) + 2)


def _windows(pixels: int) -> list[str]:
    return [f"r{4 + p}" for p in range(pixels)]


def _lines(pixels: int, half: bool) -> Iterator[str]:
    sums = pixels * CHANNELS
    windows = asm.registers(_windows(PIXELS))
    yield f"push {windows}"
    yield "vpush {d8-d15}"
    yield f"ldm r0, {asm.registers(_windows(pixels))}"
    yield "movs r12, #0"
    yield from (f"vmov d{d}, r12, r12" for d in range(sums // 2))
    yield "1:"
    yield from _turn(pixels, half)
    yield "subs r2, r2, #1"
    yield "bne 1b"
    yield f"vstm r3, {{s0-s{sums - 1}}}"
    yield "vpop {d8-d15}"
    yield f"pop {windows}"
    yield "bx lr"


def _turn(pixels: int, half: bool) -> Iterator[str]:
    """Two values of each window."""
    weight = 20 if half else 24
    if half:
        yield "vldmia r1!, {s28-s31}"
        for i in range(2 * CHANNELS):
            yield f"vcvt{'bt'[i % 2]}.f32.f16 s{weight + i}, s{28 + i // 2}"
    else:
        yield "vldmia r1!, {s24-s31}"
    for p, window in enumerate(_windows(pixels)):
        value = 18 if half else 16 + 2 * p
        if half:
            yield f"vldmia {window}!, {{s16}}"
            yield from (f"vcvt{'bt'[i]}.f32.f16 s{value + i}, s16" for i in range(2))
        else:
            yield f"vldmia {window}!, {{s{value}-s{value + 1}}}"
        if half or p == pixels - 1:
            yield from _products(
                [p] if half else range(pixels), 18 if half else 16, weight, step=0 if half else 2
            )


def _products(pixels: range | list[int], value: int, weight: int, *, step: int) -> Iterator[str]:
    for k in range(2):
        for p in pixels:
            for c in range(CHANNELS):
                at = value + step * p + k
                yield f"vfma.f32 s{CHANNELS * p + c}, s{at}, s{weight + CHANNELS * k + c}"
