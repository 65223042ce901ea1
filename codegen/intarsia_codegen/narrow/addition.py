# SPDX-License-Identifier: Apache-2.0
"""ADD of feature maps of 8 and 4 bits, each on its own, as one line in two variables.

As `arm.addition` for int8, with codes of 4 bits taken where they lie in their halfwords: SMLAW reads 4096 x instead of
256 x. Outputs of 4 bits have 15 thresholds and leave exponents of up to 27, so that a line is found for nearly all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import INT32_MAX, INT32_MIN, Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen import ctext
from intarsia_codegen.arm import addition
from intarsia_codegen.arm.addition import BLOCK, Target
from intarsia_codegen.asm import function, registers
from intarsia_codegen.asm import resource as arm_resource
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.narrow.layer import variants
from intarsia_codegen.narrow.sources import labels, resource, struct
from intarsia_codegen.packed.entry import Entry

WIDTHS = (8, 4)
EXPONENTS = {4: (26, 25, 24, 27, 23, 22, 21), 8: (22, 21, 23, 20, 19)}
"""By bits of the output, in the order that they are tried."""
TRIALS = 16
LEFT = {8: 8, 4: 12}
"""Bits by which an operand is shifted before SMLAW takes its upper 32 of 48 bits."""

_CALL = 60
"""Instructions of a call beside its blocks."""


@dataclass(frozen=True)
class Line:
    """Constants of a proved form for operands and outputs of so many bits."""

    widths: tuple[int, int, int]
    exponent: int
    a: int
    b: int
    c: int

    @property
    def name(self) -> str:
        return f"{addition.ENTRY}_{''.join(map(str, self.widths))}_e{self.exponent}"


def addition_by_line(call: KernelCall, name: str) -> GeneratedKernel | None:
    """The kernel of an `add_packed` call; None for constant operands, other widths, and where no line is found."""
    a_bits, b_bits, out_bits = widths = tuple(
        call.integer(f"{operand}_bits") for operand in ("a", "b", "out")
    )
    runs = [(int(str(p["runs"])), int(str(p["count"]))) for p in variants(call)]
    whole = all(number == 1 or count % 2 == 0 for number, count in runs)
    saturated = (call.integer("minimum"), call.integer("maximum")) == BY_BITS[out_bits].range
    if (
        len(call.inputs) != 2
        or call.constants
        or not whole
        or not saturated
        or not set(widths) <= set(WIDTHS)
    ):
        return None
    line = fit(call, (a_bits, b_bits, out_bits))
    if line is None:
        return None
    entry = Entry(call, name, ("const void *a", "const void *b", "void *out"))
    fields = {
        "code": line.name,
        "exponent": line.exponent,
        "a": ctext.number(line.a),
        "b": ctext.number(line.b),
        "c": ctext.number(line.c),
    }
    parts = [labels([line.name]), struct("itr_dsp_add_mixed", fields)]
    text = entry.source(
        f"Sums of {a_bits} and {b_bits} bits in {out_bits}.",
        ["itr_dsp_add_mixed.h"],
        parts,
        "itr_dsp_add_by_line",
    )
    shared = [resource("itr_dsp_add_mixed.h"), resource("itr_dsp_add_mixed.c"), arm_resource("itr_dsp_add.h")]
    return GeneratedKernel(
        name,
        f"{entry.prototype};",
        (text, *shared, addition.entry(), code(line)),
        sum(_cost(line, number * count) for number, count in runs),
        scratch=0,
        inplace=call.inplace,
        stack_bytes={addition.ENTRY: addition.STACK_BYTES},
        takes_params=entry.takes_params,
    )


def _cost(line: Line, size: int) -> int:
    return size // BLOCK * (len(_block(line)) + 3) + _CALL + 85 * (size % BLOCK)


def fit(call: KernelCall, widths: tuple[int, int, int]) -> Line | None:
    """A proved line, or None when none was found."""
    a_bits, b_bits, out_bits = widths
    target = Target(call, *(np.arange(*_codes(bits), dtype=np.int64) for bits in (a_bits, b_bits)))
    for exponent in EXPONENTS[out_bits]:
        for a, b in _slopes(target, exponent, (LEFT[a_bits], LEFT[b_bits])):
            value = ((a * (target.x << LEFT[a_bits])) >> 16) + ((b * (target.y << LEFT[b_bits])) >> 16)
            c = target.offset(value, exponent)
            if (
                c is not None
                and INT32_MIN <= c <= INT32_MAX
                and _partial_sums_fit(target, value, a, c, a_bits)
            ):
                return Line(widths, exponent, a, b, c)
    return None


def _partial_sums_fit(target: Target, value: Int64Array, a: int, c: int, a_bits: int) -> bool:
    sums = np.stack([value + c, ((a * (target.x << LEFT[a_bits])) >> 16) + c])
    return bool(sums.min() >= INT32_MIN and sums.max() <= INT32_MAX)


def _codes(bits: int) -> tuple[int, int]:
    low, high = BY_BITS[bits].range
    return low, high + 1


def _slopes(target: Target, exponent: int, left: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Integer slopes near the real ones, nearest first."""
    a, b = (
        round(slope * 2.0 ** (exponent + 16 - bits)) for slope, bits in zip(target.slopes, left, strict=True)
    )
    if max(a, b) >= INT32_MAX - 64:
        return
    random = np.random.default_rng(0)
    for trial in range(TRIALS):
        step = random.integers(-(trial // 4), trial // 4 + 1, 2)
        yield a + int(step[0]), b + int(step[1])


def code(line: Line) -> SourceFile:
    """The loop over blocks of eight."""
    lines = [
        "1:",
        *_block(line),
        "ldr r2, [sp]",
        "cmp r0, r2",
        "bne 1b",
        "add sp, sp, #12",
        f"pop {registers(['r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11', 'pc'])}",
    ]
    comment = "r0, lr operands, r1 out, r9, r10 slopes, r11 offset, r8 and r12 masks, r6 four results."
    return function(line.name, comment, lines)


def _block(line: Line) -> list[str]:
    a_bits, b_bits, out_bits = line.widths
    lines = [*_loads("r0", a_bits, "r2", "r4"), *_loads("lr", b_bits, "r3", "r5")]
    for element in range(4):
        total = "r7" if element else "r6"
        (x, x_half), (y, y_half) = (
            _place(element, a_bits, "r2", "r4"),
            _place(element, b_bits, "r3", "r5"),
        )
        lines += [
            f"smlaw{x_half} {total}, r9, {x}, r11",
            f"smlaw{y_half} {total}, r10, {y}, {total}",
            f"ssat {total}, #{out_bits}, {total}, asr #{line.exponent}",
        ]
        lines += [f"bfi r6, r7, #{out_bits * element}, #{out_bits}"] if element else []
    lines.append(f"{'str' if out_bits == 8 else 'strh'} r6, [r1], #{out_bits // 2}")
    return lines * 2


def _loads(pointer: str, bits: int, first: str, second: str) -> list[str]:
    """Four codes at the tops of halfwords; of bytes in the order 1, 3 and 0, 2, of 4 bits 2, 3 and 0, 1."""
    if bits == 8:
        return [
            f"ldr {first}, [{pointer}], #4",
            f"and {second}, r12, {first}, lsl #8",
            f"and {first}, r12, {first}",
        ]
    return [
        f"ldrh {first}, [{pointer}], #2",
        f"pkhbt {first}, {first}, {first}, lsl #12",
        f"and {second}, r8, {first}, lsl #12",
        f"and {first}, r8, {first}, lsl #4",
    ]


def _place(element: int, bits: int, first: str, second: str) -> tuple[str, str]:
    """Register and half of an element."""
    if bits == 8:
        return (first, second)[element % 2 == 0], "bt"[element // 2]
    return (first, second)[element < 2], "bt"[element % 2]
