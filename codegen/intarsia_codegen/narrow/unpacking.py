# SPDX-License-Identifier: Apache-2.0
"""Sources that turn packed codes into bytes and back, for layers that go through kernels for int8."""

from __future__ import annotations

from intarsia_codegen.asm import function
from intarsia_codegen.generated import SourceFile
from intarsia_codegen.narrow.sources import resource
from intarsia_codegen.packed.codes import Codes

UNPACK, PACK = "itr_dsp_unpack_words4", "itr_dsp_pack_words4"


def _unpack() -> SourceFile:
    """Codes are counted from the lowest one while they are spread, and no sign has to be extended."""
    lines = [
        "push {r4, r5, lr}",
        "mov r12, #0x0f0f0f0f",
        "mov lr, #0x08080808",
        "1:",
        "ldr r3, [r0], #4",
        "eor r3, r3, #0x88888888",
        "uxtb16 r4, r3",
        "uxtb16 r5, r3, ror #8",
        "pkhbt r3, r4, r5, lsl #16",
        "pkhtb r4, r5, r4, asr #16",
        "orr r3, r3, r3, lsl #4",
        "orr r4, r4, r4, lsl #4",
        "and r3, r3, r12",
        "and r4, r4, r12",
        "usub8 r3, r3, lr",
        "usub8 r4, r4, lr",
        "str r3, [r1], #4",
        "str r4, [r1], #4",
        "subs r2, r2, #1",
        "bne 1b",
        "pop {r4, r5, pc}",
    ]
    return function(UNPACK, "r0 packed codes, r1 bytes, r2 words left, r12 and lr masks.", lines)


def _pack() -> SourceFile:
    lines = [
        "push {r4, lr}",
        "mov r12, #0x0f0f0f0f",
        "1:",
        "ldr r3, [r0], #4",
        "ldr r4, [r0], #4",
        "and r3, r3, r12",
        "and r4, r4, r12",
        "orr r3, r3, r3, lsr #4",
        "orr r4, r4, r4, lsr #4",
        "uxtb16 r3, r3",
        "uxtb16 r4, r4",
        "orr r3, r3, r3, lsr #8",
        "orr r4, r4, r4, lsr #8",
        "pkhbt r3, r3, r4, lsl #16",
        "str r3, [r1], #4",
        "subs r2, r2, #1",
        "bne 1b",
        "pop {r4, pc}",
    ]
    return function(PACK, "r0 bytes, r1 packed codes, r2 words left, r12 mask.", lines)


DSP = Codes(
    word="dsp",
    definitions=(resource("itr_dsp_codes_words.h"), resource("itr_dsp_codes.c"), _unpack(), _pack()),
    unpacking=3,
    packing=3,
    last=11,
    together=8,
    run=10,
    stack_bytes={UNPACK: 12, PACK: 8},
)
"""Packed codes on Arm's DSP extension."""
