# SPDX-License-Identifier: Apache-2.0
"""int8 ADD as one line in two variables, proved on all 65,536 pairs of operands.

TFLite scales both operands and their sum, with a rounding each time: three multiplications per element. But
the result is a function of two bytes, so short forms can be checked completely:

    t = c + ((a * 256 x) >> 16) + ((b * 256 y) >> 16)            two SMLAW
    t = t - (t >> n, unsigned);  t = t + d                       sign form only
    code = clamp(t >> exponent, -128, 127)                       SSAT

The sign form handles rounding half away from zero: for negative t the unsigned shift takes off 2**(32 - n),
for others nothing; beyond that it changes the slope by 2**-n on both sides alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array, multiply_by_quantized_multiplier
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.gemm import clamp_bytes
from intarsia_codegen.asm import function, registers
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.requantization import FULL_RANGE

EXPONENTS = (20, 21, 19, 22, 18, 17, 16)
TRIALS = 120
LEFT_SHIFT = 20
ENTRY = "itr_dsp_add_blocks"
BLOCK = 8
STACK_BYTES = 48

_CODES = np.arange(-128, 128, dtype=np.int64)
_SAVED = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"]


@dataclass(frozen=True)
class Line:
    """Constants of a proved form. `sign_shift` is n, 0 for the form without sign."""

    exponent: int
    a: int
    b: int
    c: int
    d: int = 0
    sign_shift: int = 0
    limits: tuple[int, int] = FULL_RANGE

    @property
    def name(self) -> str:
        sign = f"s{self.sign_shift}" if self.sign_shift else ""
        return f"{ENTRY}_e{self.exponent}{sign}{'c' * self.clamps}"

    @property
    def clamps(self) -> bool:
        return self.limits != FULL_RANGE


def sum_codes(call: KernelCall, a: Int64Array, b: Int64Array) -> Int64Array:
    """Output codes [a, b] of an ADD for all pairs of codes, by the reference rule."""
    get = call.integer
    total = operand_terms(call, "a", a)[:, None] + operand_terms(call, "b", b)[None, :]
    scaled = multiply_by_quantized_multiplier(total, get("out_multiplier"), get("out_shift"))
    codes: Int64Array = np.clip(scaled + get("out_zero"), get("minimum"), get("maximum"))
    return codes


def operand_terms(call: KernelCall, side: str, codes: Int64Array) -> Int64Array:
    """What codes of an operand add to the sum, by the reference rule."""
    shifted = (codes - call.integer(f"{side}_zero")) << LEFT_SHIFT
    return multiply_by_quantized_multiplier(
        shifted, call.integer(f"{side}_multiplier"), call.integer(f"{side}_shift")
    )


class Target:
    """The function to be matched: codes of all pairs of operands, grouped by code."""

    def __init__(self, call: KernelCall, a: Int64Array = _CODES, b: Int64Array = _CODES) -> None:
        get = call.integer
        self.x, self.y = np.meshgrid(a, b, indexing="ij")
        self.limits = (get("minimum"), get("maximum"))
        codes = sum_codes(call, a, b).reshape(-1)
        self.order = np.argsort(codes, kind="stable")
        self.codes, self.starts = np.unique(codes[self.order], return_index=True)
        self.out_zero = get("out_zero")
        self.zeros = get("a_zero"), get("b_zero")
        self.out_right = -get("out_shift")
        out = get("out_multiplier") * 2.0 ** (get("out_shift") - 31 + LEFT_SHIFT)
        self.slopes = tuple(
            get(f"{side}_multiplier") * 2.0 ** (get(f"{side}_shift") - 31) * out for side in ("a", "b")
        )

    def ends(self, value: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Smallest and largest value among the pairs of each code."""
        grouped = value.reshape(-1)[self.order]
        return np.minimum.reduceat(grouped, self.starts), np.maximum.reduceat(grouped, self.starts)

    def offset(self, value: Int64Array, exponent: int) -> int | None:
        """What to add to `value` so that its bits above `exponent` are the codes, clamped, or None.

        The lowest code may lie anywhere below its end and the highest above, if they are the limits
        themselves.
        """
        smallest, largest = self.ends(value)
        low, high = self.codes << exponent, ((self.codes + 1) << exponent) - 1
        at_least = [int(v) for v in (low - smallest)[(1 if self.codes[0] == self.limits[0] else 0) :]]
        at_most = [int(v) for v in (high - largest)[: (-1 if self.codes[-1] == self.limits[1] else None)]]
        first = max(at_least, default=min(at_most, default=0))
        last = min(at_most, default=first)
        return (first + last) // 2 if first <= last else None


def fit(call: KernelCall) -> Line | None:
    """A proved line for an `add_s8` call, or None when none was found."""
    target = Target(call)
    for signed in (False, True):
        for exponent in EXPONENTS:
            for a, b in _slopes(target, exponent):
                line = _line(target, exponent, a, b, signed)
                if line is not None:
                    return line
    return None


def _slopes(target: Target, exponent: int) -> Iterator[tuple[int, int]]:
    """Integer slopes near the real ones (of 256 x >> 16, hence 2**8), nearest first."""
    scale = 2.0 ** (exponent + 8)
    a, b = (round(slope * scale) for slope in target.slopes)
    if max(a, b) >= INT32_MAX - 64:
        return
    random = np.random.default_rng(0)
    for trial in range(TRIALS):
        width = trial // 8
        step = random.integers(-width, width + 1, 2)
        yield a + int(step[0]), b + int(step[1])


def _line(target: Target, exponent: int, a: int, b: int, signed: bool) -> Line | None:
    value = ((a * (target.x << 8)) >> 16) + ((b * (target.y << 8)) >> 16)
    if not signed:
        c = target.offset(value, exponent)
        line = None if c is None else Line(exponent, a, b, c, limits=target.limits)
        return line if line and _fits(value + line.c) else None
    shift = 32 - exponent + target.out_right
    if not 1 <= shift <= 31:
        return None
    c = -((a * target.zeros[0] + b * target.zeros[1]) >> 8)
    value = value + c
    if not _fits(value):
        return None
    value = value - ((value & 0xFFFFFFFF) >> shift)
    d = target.offset(value, exponent)
    line = None if d is None else Line(exponent, a, b, c, d, shift, target.limits)
    return line if line and _fits(value) and _fits(value + line.d) else None


def _fits(value: Int64Array) -> bool:
    return bool(value.min() >= INT32_MIN and value.max() <= INT32_MAX)


def entry() -> SourceFile:
    """itr_dsp_add_blocks(a, b, out, layer): one or more blocks of eight; jumps to the layer's code."""
    lines = [
        f"push {registers([*_SAVED, 'lr'])}",
        "ldm r3, {r3, r4, r5, r6, r8, r9, r10, r11}",  # code, bytes, limits, d, a, b, c
        "add r4, r4, r0",
        "push {r4, r5, r6}",
        "mov lr, r1",
        "mov r1, r2",
        "mov r12, #0xff00ff00",
        "mov pc, r3",
    ]
    return function(ENTRY, "Common entry of all additions.", lines)


def code(line: Line) -> SourceFile:
    """The loop over blocks of eight. 256 x of bytes 0 and 2 is made in r4, of bytes 1 and 3 in r2."""
    word = [
        "ldr r2, [r0], #4",
        "ldr r3, [lr], #4",
        "and r4, r12, r2, lsl #8",
        "and r5, r12, r3, lsl #8",
        "and r2, r12, r2",
        "and r3, r12, r3",
    ]
    for byte in range(4):
        x, y = ("r2", "r3") if byte % 2 else ("r4", "r5")
        lane, total = "t" if byte > 1 else "b", "r7" if byte else "r6"
        word += [f"smlaw{lane} {total}, r9, {x}, r11", f"smlaw{lane} {total}, r10, {y}, {total}"]
        if line.sign_shift:
            word += [f"sub {total}, {total}, {total}, lsr #{line.sign_shift}", f"add {total}, {total}, r8"]
        word.append(f"ssat {total}, #8, {total}, asr #{line.exponent}")
        word += [f"bfi r6, r7, #{8 * byte}, #8"] if byte else []
    if line.clamps:
        word += ["ldrd r4, r5, [sp, #4]", *clamp_bytes("r6", "r4", "r5", "r7")]
    word.append("str r6, [r1], #4")
    lines = [
        "1:",
        *word * (BLOCK // 4),
        "ldr r2, [sp]",
        "cmp r0, r2",
        "bne 1b",
        "add sp, sp, #12",
        f"pop {registers([*_SAVED, 'pc'])}",
    ]
    comment = "r0, lr operands, r1 out, r9, r10 slopes, r11 and r8 offsets, r12 a mask, r6 four results."
    return function(line.name, comment, lines)


def instructions(line: Line, size: int) -> int:
    """Instructions for a number of elements."""
    return size // 4 * (22 + 8 * bool(line.sign_shift) + 5 * line.clamps) + size // BLOCK * 3
