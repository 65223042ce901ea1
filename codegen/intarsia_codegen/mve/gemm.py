# SPDX-License-Identifier: Apache-2.0
"""The matrix product under every convolution: columns of pixels times packed weights, requantized.

A block is 2 pixels by 4 channels: eight scalar accumulators in the even registers (VMLADAVA takes only
those), so each vector of 16 weights is used twice and each vector of 16 inputs four times: 14 instructions
for 128 products. The loop over the depth is unrolled; a function is made per number of unrolled steps and
requantization form, and layers share it. Columns may consist of several runs of bytes, which are the rows of
a window in a padded image. Written in assembler because the compilers do not keep eight accumulators and six
pointers in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.mve.requantize import Form, Requantizer

STEP = 16
"""Depth of one VMLADAVA."""
BLOCK_CHANNELS = 4
MAX_UNROLLED = 9
MAX_RUN = 12
"""Steps of the longest run that is unrolled in a loop over runs."""
ACCUMULATORS = (("r0", "r2", "r4", "r6"), ("r8", "r10", "r12", "lr"))
SAVED_BYTES = 9 * 4 + 8 * 8
FRAME_BYTES = 28


@dataclass(frozen=True)
class Kernel:
    """One product function.

    A column is made of runs of `unrolled` steps of 16 bytes; the next run begins a pitch later. `runs` are
    unrolled, or any number is looped over when `runs` is 0. `partial`: the number of channels is no multiple
    of four. `scattered`: each block says where its channels go, so that others can be left out.
    """

    unrolled: int
    runs: int
    partial: bool
    form: Form
    scattered: bool = False

    @staticmethod
    def of(run: int, runs: int, channels: int, form: Form, *, scattered: bool = False) -> tuple[Kernel, int]:
        """The function for columns of `runs` runs of `run` bytes, and how many runs it sees."""
        steps = run // STEP
        if runs == 1 and steps > MAX_UNROLLED:
            runs = next(n for n in range(2, steps + 1) if steps % n == 0 and steps // n <= MAX_UNROLLED)
            steps //= runs
        straight = steps * runs <= MAX_UNROLLED
        partial = channels % BLOCK_CHANNELS != 0
        return Kernel(steps, runs if straight else 0, partial, form, scattered), runs

    @property
    def looped(self) -> bool:
        return self.runs == 0

    @property
    def name(self) -> str:
        shape = f"{self.unrolled}x{self.runs or 'n'}"
        stores = ("_partial" if self.partial else "") + ("_scatter" if self.scattered else "")
        return f"itr_mve_gemm_{shape}{stores}_{self.form.name}"

    @property
    def prototype(self) -> str:
        return f"void {self.name}(const int8_t *in, int8_t *out, const itr_mve_gemm *layer, int32_t pixels)"

    @property
    def stack_bytes(self) -> int:
        return SAVED_BYTES + FRAME_BYTES

    def cost(self, pixels: int, channels: int, runs: int) -> int:
        """Instructions for `pixels` pixels."""
        steps, constants = self.unrolled * runs, 4 if self.form.left else 3
        epilogue = constants + 2 * (
            9 + self.form.left + {"up": 0, "away": 2, "away_shifted": 3}[self.form.ties]
        )
        between = 16 + 4 * runs if self.looped else 2 * (self.runs - 1) + (5 if self.runs > 1 else 0)
        block = 14 * steps + epilogue + between + 2 + 2 * self.partial + self.scattered
        return 40 + -(-pixels // 2) * (18 + -(-channels // BLOCK_CHANNELS) * block)

    def source(self) -> SourceFile:
        lines = [*_entry(self.name), *_pair(self), "2:"]
        lines += _block_looped(self) if self.looped else _block_straight(self)
        lines += ["bgt 2b", "ldr r0, [sp]", "cmp r0, #0", "bgt 1b", *_exit(self.name)]
        return SourceFile(f"{self.name}.S", _text(self, lines))


def pack(
    kernel: Kernel, weights: np.ndarray, bias: np.ndarray, requant: Requantizer, places: np.ndarray
) -> np.ndarray:
    """Weights [channels, depth], biases and requantization as `kernel` reads them, as int8.

    `places` are the positions of the channels in the output.
    """
    channels, depth = weights.shape
    blocks = -(-channels // BLOCK_CHANNELS)
    padded = np.zeros((blocks * BLOCK_CHANNELS, depth), np.int8)
    padded[:channels] = weights
    products = padded.reshape(blocks, BLOCK_CHANNELS, -1, STEP).transpose(0, 2, 1, 3).reshape(blocks, -1)
    rows = [requant.multiplier, requant.right]
    if requant.form.left:
        rows.insert(0, requant.left)
    if kernel.scattered:
        rows.append(places)
    before, after = ([bias], rows) if kernel.looped else ([], [bias, *rows])
    return np.concatenate([_vectors(before, blocks), products, _vectors(after, blocks)], axis=1).reshape(-1)


def _vectors(rows: Sequence[np.ndarray], blocks: int) -> np.ndarray:
    """int8 [blocks, 16 * rows]: the int32 vectors of each block of four channels, one after the other."""
    table = np.zeros((len(rows), blocks * BLOCK_CHANNELS), "<i4")
    for position, row in enumerate(rows):
        table[position, : row.size] = row
    ordered = table.reshape(len(rows), blocks, BLOCK_CHANNELS).transpose(1, 0, 2)
    return np.ascontiguousarray(ordered).view(np.int8).reshape(blocks, -1)


def _entry(name: str) -> list[str]:
    """Saves registers.

    Frame: 0 pixels left, 4 input, 8 output, 12 layer, 16 second output minus first, 20 channels left.
    """
    return [
        f".global {name}",
        f".type {name}, %function",
        ".balign 4",
        ".thumb_func",
        f"{name}:",
        "push {r4-r11, lr}",
        "vpush {d8-d15}",
        f"sub sp, #{FRAME_BYTES}",
        "strd r3, r0, [sp]",
        "strd r1, r2, [sp, #8]",
        "ldrd r0, r1, [r2, #16]",
        "vdup.32 q5, r0",
        "vdup.32 q6, r1",
        "ldr r0, [r2, #24]",
        "vdup.32 q7, r0",
    ]


def _pair(kernel: Kernel) -> list[str]:
    """Two pixels: r1 and r11 their inputs, r7 and r3 their outputs, r5 weights, r9 channels.

    A last single pixel is computed twice. Where a column has several runs, r3 or r9 hold their pitch instead,
    and the frame what they held.
    """
    lines = [
        "1:",
        "ldrd r6, r1, [sp]",
        "ldrd r7, r0, [sp, #8]",
        "ldm r0, {r2, r4, r5, r9}",
        "subs r6, r6, #2",
        "add r8, r1, r2, lsl #1",
        "add r10, r7, r4, lsl #1",
        "strd r6, r8, [sp]",
        "str r10, [sp, #8]",
        "itt mi",
        "movmi r2, #0",
        "movmi r4, #0",
        "add r11, r1, r2",
    ]
    if kernel.looped:
        return [*lines, "strd r4, r9, [sp, #16]", "ldr r9, [r0, #28]"]
    if kernel.runs > 1:
        return [*lines, "str r4, [sp, #16]", "ldr r3, [r0, #28]"]
    return [*lines, "add r3, r7, r4"]


def _step(step: int, *, first: bool) -> list[str]:
    """16 of the depth: each input vector meets four channels, each weight vector two pixels."""
    opcode = "vmladav.s8" if first else "vmladava.s8"
    lines = [f"vldrw.u32 q0, [r1, #{STEP * step}]"]
    for channel in range(BLOCK_CHANNELS):
        weights = f"q{2 + channel % 3}"
        lines += [f"vldrw.u32 {weights}, [r5], #16", f"{opcode} {ACCUMULATORS[0][channel]}, q0, {weights}"]
        if channel == 0:
            lines.append(f"vldrw.u32 q1, [r11, #{STEP * step}]")
        lines.append(f"{opcode} {ACCUMULATORS[1][channel]}, q1, {weights}")
    return lines


def _block_straight(kernel: Kernel) -> list[str]:
    """All runs unrolled; with several, r3 is their pitch until the second output is needed."""
    lines = []
    for run in range(kernel.runs):
        lines += ["add r1, r3", "add r11, r3"] if run else []
        for step in range(kernel.unrolled):
            lines += _step(step, first=run == step == 0)
    lines += ["vldrw.u32 q2, [r5], #16", *_collect(), "vadd.i32 q0, q0, q2", "vadd.i32 q1, q1, q2"]
    restore = []
    if kernel.runs > 1:
        rewind = [f"mov r0, #{kernel.runs - 1}", "mls r1, r3, r0, r1", "mls r11, r3, r0, r11"]
        lines += [*rewind, "ldr r0, [sp, #16]", "add r3, r7, r0"]
        restore = ["ldr r3, [sp, #12]", "ldr r3, [r3, #28]"]
    return [*lines, *_requantize(kernel.form), *_store(kernel), *restore, "subs r9, r9, #4"]


def _block_looped(kernel: Kernel) -> list[str]:
    """Accumulators start at the bias; r3 counts runs, r9 is their pitch, the frame has the channels left."""
    load = ["ldr r3, [sp, #12]", "ldr r3, [r3, #32]", "ldrd r0, r2, [r5], #8", "ldrd r4, r6, [r5], #8"]
    copy = [f"mov {b}, {a}" for a, b in zip(*ACCUMULATORS, strict=True)]
    steps = [line for step in range(kernel.unrolled) for line in _step(step, first=False)]
    run = ["3:", *steps, "subs r3, r3, #1", "add r1, r9", "add r11, r9", "bne 3b"]
    rewind = ["ldr r4, [sp, #12]", "ldr r4, [r4, #32]", "mls r1, r9, r4, r1", "mls r11, r9, r4, r11"]
    second = ["ldr r0, [sp, #16]", "add r3, r7, r0", "ldr r4, [sp, #20]"]
    done = [*_requantize(kernel.form), *_store(kernel, "r4"), "subs r4, r4, #4", "str r4, [sp, #20]"]
    return [*load, *copy, *run, *_collect(), *rewind, *second, *done]


def _collect() -> list[str]:
    lines = []
    for vector, (a, b, c, d) in zip(("q0", "q1"), ACCUMULATORS, strict=True):
        lines += [f"vmov {vector}[2], {vector}[0], {a}, {c}", f"vmov {vector}[3], {vector}[1], {b}, {d}"]
    return lines


def _requantize(form: Form) -> list[str]:
    """q0 and q1 to output codes; q5 zero point, q6 minimum, q7 maximum."""
    pair = ("q0", "q1")
    lines = []
    if form.left:
        lines += ["vldrw.u32 q2, [r5], #16", *(f"vshl.s32 {q}, {q}, q2" for q in pair)]
    lines += [
        "vldrw.u32 q3, [r5], #16",
        *(f"vqrdmulh.s32 {q}, {q}, q3" for q in pair),
        "vldrw.u32 q4, [r5], #16",
    ]
    if form.ties != "up":
        for q in pair:
            mask = [f"vand q2, {q}, q4"] if form.ties == "away_shifted" else []
            source = "q2" if mask else q
            lines += [*mask, f"vshr.s32 q2, {source}, #31", f"vadd.i32 {q}, {q}, q2"]
    for template in ("vrshl.s32 {0}, {0}, q4", "vadd.i32 {0}, {0}, q5", "vmax.s32 {0}, {0}, q6"):
        lines += [template.format(q) for q in pair]
    return [*lines, *(f"vmin.s32 {q}, {q}, q7" for q in pair)]


def _store(kernel: Kernel, channels: str = "r9") -> list[str]:
    if kernel.scattered:
        return ["vldrw.u32 q2, [r5], #16", "vstrb.32 q0, [r7, q2]", "vstrb.32 q1, [r3, q2]"]
    if kernel.partial:
        return [f"vctp.32 {channels}", "vpstt", "vstrbt.32 q0, [r7], #4", "vstrbt.32 q1, [r3], #4"]
    return ["vstrb.32 q0, [r7], #4", "vstrb.32 q1, [r3], #4"]


def _exit(name: str) -> list[str]:
    return [f"add sp, #{FRAME_BYTES}", "vpop {d8-d15}", "pop {r4-r11, pc}", f".size {name}, . - {name}"]


def _text(kernel: Kernel, lines: Sequence[str]) -> str:
    title = (
        "// SPDX-License-Identifier: Apache-2.0\n"
        f"/* {kernel.prototype}\n"
        " * Two pixels by four channels in eight accumulators, 16 of the depth per step.\n"
        " * r1, r11: inputs; r5: weights; r7, r3: outputs; r9: channels left; q5 zero point, q6 minimum,\n"
        " * q7 maximum. */\n"
    )
    body = [
        ".syntax unified",
        ".thumb",
        f'.section .text.{kernel.name}, "ax", %progbits',
        *lines,
    ]
    return title + "".join(line + "\n" if line.endswith(":") else f"  {line}\n" for line in body)
