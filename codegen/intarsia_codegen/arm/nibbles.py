# SPDX-License-Identifier: Apache-2.0
"""Matrix products of weights of 4 bits and int8 activations, four pixels by two channels: half the flash of bytes.

A word of the stream holds the weights of four values x0..x3 for two channels. Its lower halfword has four nibbles for
x0 and x1: w0 + 8 and w1 of the first channel, w0 + 8 and w1 of the second; the upper one those for x2 and x3. Signed
bytes of the first channel are 16 w1 + w0 + 8, and what is left when the lower nibble is cleared is 16 w1. With
A = 16 x0 and B = x1 - 16 x0 as halfwords of activations,

    A (16 w1 + w0 + 8) + B 16 w1  =  16 (x0 w0 + x1 w1) + 8 A,

two SMLAD for four products of a pixel and channel, as in the formats of `gemm`. The second channel's bytes stand 8 bits
higher, and so do its sums. -8 times the sum of all A is what sums start from; it is the same for all channels and lies
before the activations in the buffer. The inner loop takes 25 instructions for 32 products where bytes take 23: SXTB16,
AND and two BIC split the word, two more than bytes need, and the starts of sums and the bias take 10 for each pair of
channels. A word cannot be kept for two steps, as all registers are in use.
"""

from __future__ import annotations

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm import gemm
from intarsia_codegen.arm.matrix import (
    Stream,
    Weights,
    biases,
    ending_words,
    layer_of,
    pairs_of,
    rule_of,
    stream_of,
)
from intarsia_codegen.arm.pack import START_BYTES
from intarsia_codegen.arm.requantize import Requantizer, plan
from intarsia_codegen.asm import function, label

NAME = "itr_dsp_gemm4n"
SCALE = 12
"""Sums are 2**SCALE times the accumulators of both channels when they are requantized."""

LOWEST, HIGHEST = BY_BITS[4].range

_ENDING = [
    "ldrd r2, r3, [r1], #8",
    *[
        line
        for first, second in gemm.ACCUMULATORS
        for line in (f"add {first}, r2, {first}, lsl #8", f"add {second}, {second}, r3")
    ],
]


def weights_of(call: KernelCall, matrix: np.ndarray) -> Weights | None:
    """Weights [channels, taps] of a call on int8 maps; None where they or their sums are too large."""
    rule = rule_of(call, len(matrix))
    layer, matrix, bias = layer_of(call, matrix, rule.apply)
    if matrix.min(initial=0) < LOWEST or matrix.max(initial=0) > HIGHEST:
        return None
    chosen = plan(layer, rule, SCALE)
    in_zero = call.integer("in_zero") - BY_BITS[8].range[0]
    return None if chosen is None else Weights(matrix, bias, in_zero, "n", SCALE, chosen)


def product(_weights: Weights) -> gemm.Product:
    """The code that multiplies."""
    lines = [
        f"ldr r0, [sp, #{gemm.BUFFER}]",
        "ldm r0!, {r4, r5, r6, r7, r8, r9, r10, r11}",
        f"ldr pc, [sp, #{gemm.ENTERED}]",
        *label(f"{NAME}_loop"),
        *_group() * gemm.UNROLL4,
        f"ldr r2, [sp, #{gemm.BUFFER_END}]",
        "cmp r0, r2",
        f"bne {NAME}_loop",
        f"ldr pc, [sp, #{gemm.REQUANTIZE}]",
    ]
    comment = (
        "r0 activations, r1 weight stream, r2-r3 activations, r12 and lr weights of either channel, r4-r11\n"
        "   sums of 4 pixels x 2 channels."
    )
    source = function(NAME, comment, lines)
    return gemm.Product(source, len(_group()), 0, len(_ENDING), START_BYTES)


def _group() -> list[str]:
    lines = ["ldr r12, [r1], #4", "and lr, r12, #0xff00ff00", "sxtb16 r12, r12"]
    for half in range(2):
        lines += ["bic r12, r12, #0x000f000f", "bic lr, lr, #0x0f000f00"] if half else []
        for pair in range(2):
            lines.append("ldrd r2, r3, [r0], #8")
            for pixel, value in ((2 * pair, "r2"), (2 * pair + 1, "r3")):
                first, second = gemm.ACCUMULATORS[pixel]
                lines.append(f"smlad {first}, {value}, r12, {first}")
                lines.append(f"smlad {second}, {value}, lr, {second}")
    return lines


def stream(weights: Weights, order: list[int]) -> Stream | None:
    """Stream for `product`: weights, biases and constants of channels in pairs."""
    indices = np.array(order)
    taps = np.where(indices < 0, 0, weights.matrix[:, indices])

    def words(group: tuple[int, ...], requantizer: Requantizer) -> list[int]:
        first, second = group
        return [
            *_words(taps[first], taps[second]).tolist(),
            *biases(weights, group, requantizer),
            *ending_words(weights, group, requantizer),
        ]

    pairs, store = pairs_of(weights)
    return stream_of(weights, pairs, words, lambda r: gemm.gemm4_requantize(r, NAME, store, _ENDING), store)


def _words(first: Int64Array, second: Int64Array) -> Int64Array:
    """Words of two channels."""
    words = np.zeros(len(first) // 4, np.int64)
    for place, taps in ((0, first), (8, second)):
        for half in range(2):
            low, high = taps[2 * half :: 4] - LOWEST, taps[2 * half + 1 :: 4] & 0xF
            words |= (low | high << 4) << (place + 16 * half)
    return words
