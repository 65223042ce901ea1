# SPDX-License-Identifier: Apache-2.0
"""Two rows of outputs of depthwise 3x3 windows of stride 1, two by two, on interleaved rows (see `depthwise`).

Written in assembler because the compilers spill and reload what this keeps in registers from channel to channel.
"""

from __future__ import annotations

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.requantize import Form

STACK_BYTES = 9 * 4 + 8 * 8 + 20

# Offsets of fields of `itr_mve_depthwise`, of words of a record, and of the stack frame.
_CHANNELS, _OUT_W, _ZERO, _RECORDS = 8, 16, 60, 72
_WEIGHTS, _BIAS, _RIGHT, _LEFT, _RECORD = 4, 20, 28, 32, 36
_QUADS, _OUT, _END, _PAIRS, _ODD = 0, 4, 8, 12, 16
_FRAME = 20


def name(form: Form) -> str:
    return f"itr_mve_square_{form.name}"


def source(form: Form) -> SourceFile:
    """void itr_mve_square_<form>(const int8_t *quads, int8_t *out, const itr_mve_depthwise *s)"""
    lines = [
        f".global {name(form)}",
        f".type {name(form)}, %function",
        ".balign 4",
        ".thumb_func",
        f"{name(form)}:",
        "push {r4-r11, lr}",
        "vpush {d8-d15}",
        f"sub sp, #{_FRAME}",
        *_constants(),
        "1:",
        *_channel(form),
        f"ldr r4, [sp, #{_END}]",
        "ldrd r0, r1, [sp]",
        "adds r0, r0, #4",
        "adds r1, r1, #1",
        "strd r0, r1, [sp]",
        f"add r2, r2, #{_RECORD}",
        "cmp r1, r4",
        "bne 1b",
        f"add sp, #{_FRAME}",
        "vpop {d8-d15}",
        "pop {r4-r11, pc}",
        f".size {name(form)}, . - {name(form)}",
    ]
    return SourceFile(f"{name(form)}.S", _text(form, lines))


def _constants() -> list[str]:
    """q0 offsets of four columns, q1 of four outputs; r12 bytes of two columns of quads, r11 zero point, r2 records."""
    return [
        f"ldr r3, [r2, #{_CHANNELS}]",
        f"ldr r4, [r2, #{_OUT_W}]",
        f"ldr r11, [r2, #{_ZERO}]",
        f"ldr r2, [r2, #{_RECORDS}]",
        "add r5, r1, r3",
        f"strd r0, r1, [sp, #{_QUADS}]",
        "lsrs r6, r4, #1",
        f"strd r5, r6, [sp, #{_END}]",
        "and r7, r4, #1",
        f"str r7, [sp, #{_ODD}]",
        "lsl r12, r3, #3",
        "movs r8, #0",
        "vidup.u32 q0, r8, #1",
        "vmov.i32 q7, #1",
        "vand q6, q0, q7",
        "vmul.i32 q1, q6, r3",
        "vshr.u32 q6, q0, #1",
        "mul r4, r4, r3",
        "vmul.i32 q6, q6, r4",
        "vadd.i32 q1, q1, q6",
        "lsls r4, r3, #2",
        "vmul.i32 q0, q0, r4",
    ]


def _channel(form: Form) -> list[str]:
    """q2-q5 weights of the window, one column on, one row on, and both; r3, r5, r7, r9 constants of the channel."""
    lines = [
        f"vldrw.u32 q2, [r2, #{_WEIGHTS}]",
        "vldrw.u32 q3, [r2]",
        f"ldrd r3, r5, [r2, #{_BIAS}]",
        f"ldr r7, [r2, #{_RIGHT}]",
        "vshl.i32 q4, q2, #8",
        "vshl.i32 q5, q3, #8",
    ]
    lines += [f"ldr r9, [r2, #{_LEFT}]"] if form.left else []
    return [
        *lines,
        f"ldr r6, [sp, #{_PAIRS}]",
        "wls lr, r6, 3f",
        "2:",
        *_block(form),
        "add r0, r0, r12",
        "add r1, r1, r12, lsr #2",
        "le lr, 2b",
        "3:",
        f"ldr r8, [sp, #{_ODD}]",
        "cmp r8, #0",
        "beq 4f",
        "sub r0, r0, r12, lsr #1",  # the last odd column goes with the one before it
        "sub r1, r1, r12, lsr #3",
        *_block(form),
        "4:",
    ]


def _block(form: Form) -> list[str]:
    """Two by two outputs from the window of four columns and rows at r0, to r1."""
    return [
        "vldrw.u32 q6, [r0, q0]",
        *(f"vmladav.s8 r{4 + 2 * k}, q6, q{2 + k}" for k in range(4)),
        "vmov q7[2], q7[0], r4, r8",
        "vmov q7[3], q7[1], r6, r10",
        "vadd.i32 q7, q7, r3",
        *(["vshl.s32 q7, r9"] if form.left else []),
        "vqrdmulh.s32 q7, q7, r5",
        *_ties(form),
        "vrshl.s32 q7, r7",
        "vadd.i32 q7, q7, r11",
        "vqmovnb.s32 q7, q7",
        "vqmovnb.s16 q7, q7",
        "vstrb.32 q7, [r1, q1]",
    ]


def _ties(form: Form) -> list[str]:
    """Ties of negative values go away from zero: 1 is taken off them before the division."""
    if form.ties == "up":
        return []
    mask = ["vdup.32 q6, r7", "vand q6, q6, q7"] if form.ties == "away_shifted" else []
    return [*mask, f"vshr.s32 q6, {'q6' if mask else 'q7'}, #31", "vadd.i32 q7, q7, q6"]


def _text(form: Form, lines: list[str]) -> str:
    title = (
        "// SPDX-License-Identifier: Apache-2.0\n"
        f"/* void {name(form)}(const int8_t *quads, int8_t *out, const itr_mve_depthwise *s)\n"
        " * r0 quads, r1 outputs, r2 records; q0 offsets of columns, q1 of outputs, q2-q5 weights. */\n"
    )
    body = [".syntax unified", ".thumb", f'.section .text.{name(form)}, "ax", %progbits', *lines]
    return title + "".join(line + "\n" if line.endswith(":") else f"  {line}\n" for line in body)
