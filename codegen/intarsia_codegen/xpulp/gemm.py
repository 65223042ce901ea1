# SPDX-License-Identifier: Apache-2.0
"""The matrix product under every convolution, in assembler: four output channels of four pixels, or of one, at a time.

Sixteen sums stay in registers. Four bytes of each window and of each channel's weights are loaded at once, so that
24 instructions do 64 products; the loop over a run of a window and the loop over the runs cost nothing (hardware
loops). Then each channel's four sums become codes (xpulp/requantize.py). A function is made for each form of that, and
layers share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.xpulp import assembler, requantized
from intarsia_codegen.xpulp.requantize import Split

CHANNELS = 4
PIXELS = 4
HEADER = "itr_xpulp_gemm.h"
FIELDS = ("step", "runs", "words", "gap", "blocks", "pitch", "minimum", "maximum", "weights", "q")
"""The first fields of `itr_xpulp_gemm`, all of a word; the function keeps them in its frame."""

_SUMS = ("t3", "t4", "t5", "t6", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11")
_WINDOWS = ("a4", "a5", "a6", "a7")
_INPUTS = ("t0", "t1", "t2", "ra")
_POINTER, _WEIGHTS, _GAP = "a0", ("a1", "a2"), "a3"
_CHANNEL, _TARGET, _PITCH, _OUT = "a3", "a4", "a5", "ra"


@dataclass(frozen=True)
class Kernel:
    """The product of so many pixels at a time, with one form of requantization."""

    pixels: int
    split: Split

    @property
    def name(self) -> str:
        return f"itr_xpulp_gemm_{self.pixels}_{self.split.name}"

    @property
    def prototype(self) -> str:
        return f"void {self.name}(const int8_t *in, int8_t *out, const itr_xpulp_gemm *s, int32_t pixels)"

    @property
    def frame(self) -> assembler.Frame:
        saved = ("ra", *(r for r in _SUMS[: CHANNELS * self.pixels] if r.startswith("s")))
        return assembler.Frame(("in", "out", "groups", "left", "channel", *FIELDS), saved)

    def source(self) -> SourceFile:
        comment = (
            f"Four channels of {self.pixels} pixels at a time, for a multiple of that: see itr_xpulp_gemm.h."
        )
        frame = self.frame
        lines = [
            *frame.enter(),
            f"srli a3, a3, {self.pixels.bit_length() - 1}",
            *(frame.store(f"a{i}", name) for i, name in ((0, "in"), (1, "out"), (3, "groups"))),
        ]
        for i, field in enumerate(FIELDS):
            lines += [f"lw t0, {4 * i}(a2)", frame.store("t0", field)]
        return assembler.function(self.name, comment, [*lines, *self._groups(frame), *frame.leave()])

    def cycles(self, words: int, runs: int) -> int:
        """Of a block of channels of a group of pixels."""
        products = words * (CHANNELS + self.pixels + CHANNELS * self.pixels)
        return 24 + 4 * self.pixels + runs * (products + 4 + self.pixels) + CHANNELS * self._outputs()

    def _outputs(self) -> int:
        return 6 + self.pixels * (1 + len(requantized.code(self.split, "t3")))

    def _groups(self, frame: assembler.Frame) -> list[str]:
        def advance(place: str, by: str) -> list[str]:
            lines = [frame.load("t0", place), frame.load("t1", by)]
            lines += [
                f"slli t1, t1, {self.pixels.bit_length() - 1}",
                "add t0, t0, t1",
                frame.store("t0", place),
            ]
            return lines

        return [
            "1:",
            frame.load("t0", "blocks"),
            frame.load(_POINTER, "weights"),
            frame.load(_CHANNEL, "q"),
            frame.store("t0", "left"),
            "2:",
            *self._block(frame),
            f"addi {_CHANNEL}, {_CHANNEL}, {CHANNELS * requantized.BYTES}",
            frame.load("t0", "left"),
            "addi t0, t0, -1",
            frame.store("t0", "left"),
            "bnez t0, 2b",
            *advance("in", "step"),
            *advance("out", "pitch"),
            frame.load("t0", "groups"),
            "addi t0, t0, -1",
            frame.store("t0", "groups"),
            "bnez t0, 1b",
        ]

    def _block(self, frame: assembler.Frame) -> list[str]:
        sums = [_SUMS[c * self.pixels : (c + 1) * self.pixels] for c in range(CHANNELS)]
        windows = _WINDOWS[: self.pixels]
        lines = [f"lw {row[0]}, {c * requantized.BYTES}({_CHANNEL})" for c, row in enumerate(sums)]
        lines += [frame.store(_CHANNEL, "channel"), frame.load(windows[0], "in"), frame.load("t0", "step")]
        lines += [frame.load(_GAP, "gap"), frame.load("t1", "runs")]
        lines += [f"mv {other}, {row[0]}" for row in sums for other in row[1:]]
        lines += [f"add {w}, {before}, t0" for before, w in pairwise(windows)]
        run = [frame.load("t0", "words"), *assembler.loop(0, "t0", self._products(sums))]
        run += [*(f"add {w}, {w}, {_GAP}" for w in windows), *(["nop"] if self.pixels == 1 else [])]
        lines += assembler.loop(1, "t1", run)
        lines += [frame.load(_CHANNEL, "channel"), frame.load(_PITCH, "pitch"), frame.load(_OUT, "out")]
        if self.split.clamped:
            lines += [frame.load(requantized.MINIMUM, "minimum"), frame.load(requantized.MAXIMUM, "maximum")]
        for c, row in enumerate(sums):
            at = c * requantized.BYTES
            lines += [f"lw {_TARGET}, {at + 4 * requantized.CHANNEL.index('place')}({_CHANNEL})"]
            lines += [*requantized.constants(self.split, _CHANNEL, at), f"add {_TARGET}, {_TARGET}, {_OUT}"]
            lines += requantized.store(self.split, row, _TARGET, _PITCH)
        return lines

    def _products(self, sums: list[tuple[str, ...]]) -> list[str]:
        """Four bytes of every window and channel; no value is used right behind its load, which would wait."""
        inputs = _INPUTS[: self.pixels]
        loads = [f"cv_lw {_WEIGHTS[c % 2]}, {_POINTER}, 4" for c in range(CHANNELS)]
        lines = [f"cv_lw {x}, {w}, 4" for x, w in zip(inputs, _WINDOWS, strict=False)]
        lines += loads[:2]
        for c, row in enumerate(sums):
            lines += [
                f"cv_sdotsp_b {total}, {_WEIGHTS[c % 2]}, {x}" for total, x in zip(row, inputs, strict=True)
            ]
            lines += loads[c + 2 : c + 3]
        return lines
