# SPDX-License-Identifier: Apache-2.0
"""The matrix product under every convolution, in assembler: four output channels of four pixels, or of one, at a time.

Sixteen sums stay in registers. Four bytes of each window and of each channel's weights are loaded at once, so that
24 instructions do 64 products; the loop over a run of a window and the loop over the runs cost nothing (hardware
loops), and of short runs there is no loop. Then each channel's four sums become outputs. How, and what the four bytes
are, is said by a `Form`; a function is made for each, and layers share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.xpulp import assembler

CHANNELS = 4
PIXELS = 4
HEADER = "itr_xpulp_gemm.h"
FIELDS = ("step", "runs", "words", "gap", "blocks", "pitch", "minimum", "maximum", "weights", "q")
"""The first fields of `itr_xpulp_gemm`, all of a word; the function keeps them in its frame."""

_SUMS = ("t3", "t4", "t5", "t6", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11")
_WINDOWS = ("a4", "a5", "a6", "a7")
_INPUTS = ("t0", "t1", "t2", "ra")
_POINTER, _WEIGHTS, _GAP = "a0", ("a1", "a2"), "a3"
SHORT = 4
"""Words of a run that is written out."""

_CHANNEL, _TARGET, _PITCH, _OUT = "a3", "a4", "a5", "ra"


def short(words: int, runs: int) -> int:
    """The words of runs that are written out, else 0."""
    return words if runs > 1 and words <= SHORT else 0


class Form(Protocol):
    """Of words that are multiplied, and of outputs.

    While outputs are made, a4 points to one and is moved by a5 to the next pixel's; a1, a2, a6, a7 and t0 to t2 are
    free, and a3 points to the constants of channels: `channel_bytes` each, first what sums begin with, `place` bytes on
    where in an output pixel the channel lies. `together` channels that lie side by side become outputs at once.
    """

    @property
    def name(self) -> str: ...

    @property
    def channel_bytes(self) -> int: ...

    @property
    def place(self) -> int: ...

    @property
    def together(self) -> int: ...

    def product(self, total: str, weight: str, value: str) -> str:
        """Adds the product of two words."""
        ...

    def block(self, frame: assembler.Frame) -> list[str]:
        """Loads what all channels need."""
        ...

    def channel(self, at: int) -> list[str]:
        """Loads the constants of the channel that lie `at` bytes behind a3."""
        ...

    def store(self, *rows: Sequence[str]) -> list[str]:
        """Makes the outputs of the sums of `together` channels and stores them."""
        ...


@dataclass(frozen=True)
class Kernel:
    """The product of so many pixels at a time. `short`: the words of every run, where it is written out, else 0."""

    pixels: int
    form: Form
    short: int = 0

    @property
    def name(self) -> str:
        return f"itr_xpulp_gemm_{self.pixels}_{self.form.name}{self.suffix}"

    @property
    def suffix(self) -> str:
        """What tells functions of one form apart."""
        return f"_{self.short}" if self.short else ""

    @property
    def windows(self) -> tuple[str, ...]:
        """Pointers into the windows."""
        return _WINDOWS[: self.pixels]

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

    def turn(self, words: int) -> float:
        """Cycles of the products of so many words of each window and channel."""
        return words * (CHANNELS + self.pixels + CHANNELS * self.pixels)

    def cycles(self, words: int, runs: int) -> int:
        """Of a block of channels of a group of pixels."""
        around = 0 if self.short else 4 + self.pixels
        outputs = CHANNELS // self.form.together * self._outputs()
        return 24 + 4 * self.pixels + round(runs * (self.turn(words) + around)) + outputs

    def _outputs(self) -> int:
        rows = [_SUMS[: self.pixels]] * self.form.together
        return 2 + len(self.form.channel(0)) + assembler.cycles(self.form.store(*rows))

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
            f"addi {_CHANNEL}, {_CHANNEL}, {CHANNELS * self.form.channel_bytes}",
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
        windows = self.windows
        lines = [f"lw {row[0]}, {c * self.form.channel_bytes}({_CHANNEL})" for c, row in enumerate(sums)]
        lines += [frame.store(_CHANNEL, "channel"), frame.load(windows[0], "in"), frame.load("t0", "step")]
        lines += [frame.load(_GAP, "gap"), frame.load("t1", "runs")]
        lines += [f"mv {other}, {row[0]}" for row in sums for other in row[1:]]
        lines += [f"add {w}, {before}, t0" for before, w in pairwise(windows)]
        lines += self._runs(frame, sums)
        lines += [frame.load(_CHANNEL, "channel"), frame.load(_PITCH, "pitch"), frame.load(_OUT, "out")]
        lines += self.form.block(frame)
        for c in range(0, CHANNELS, self.form.together):
            at = c * self.form.channel_bytes
            lines += [f"lw {_TARGET}, {at + self.form.place}({_CHANNEL})", *self.form.channel(at)]
            lines += [
                f"add {_TARGET}, {_TARGET}, {_OUT}",
                *self.form.store(*sums[c : c + self.form.together]),
            ]
        return lines

    def _runs(self, frame: assembler.Frame, sums: list[tuple[str, ...]]) -> list[str]:
        """All of the windows; of short runs, the last loads move on to the next one."""
        if self.short:
            last = self._products(sums, f"cv_lwr {{}}, {{}}, {_GAP}")
            return assembler.loop(0, "t1", self._products(sums) * (self.short - 1) + last)
        windows = self.windows
        run = [frame.load("t0", "words"), *assembler.loop(0, "t0", self._products(sums))]
        run += [*(f"add {w}, {w}, {_GAP}" for w in windows), *(["nop"] if len(windows) == 1 else [])]
        return assembler.loop(1, "t1", run)

    def _products(self, sums: list[tuple[str, ...]], load: str = "cv_lw {}, {}, 4") -> list[str]:
        """Four bytes of every window and channel; no value is used right behind its load, which would wait."""
        inputs = _INPUTS[: self.pixels]
        loads = [f"cv_lw {_WEIGHTS[c % 2]}, {_POINTER}, 4" for c in range(CHANNELS)]
        lines = [load.format(x, w) for x, w in zip(inputs, _WINDOWS, strict=False)]
        lines += loads[:2]
        for c, row in enumerate(sums):
            lines += [
                self.form.product(total, _WEIGHTS[c % 2], x) for total, x in zip(row, inputs, strict=True)
            ]
            lines += loads[c + 2 : c + 3]
        return lines
