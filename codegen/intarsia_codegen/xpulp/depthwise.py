# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution in assembler: four taps of a row of one channel are one word, and one packed dot product.

Rows are kept as planes, so that a channel's pixels lie together (`c/itr_xpulp_planes.h`); a word that does not begin at
a multiple of four bytes takes one cycle more. The weights of a channel stay in registers for a row of outputs, and so
do the pointers to the rows of its windows. A function is made for each size of windows, stride and form of
requantization.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from intarsia_codegen.generated import SourceFile
from intarsia_codegen.xpulp import assembler, requantized
from intarsia_codegen.xpulp.requantize import Split

FIELDS = ("channels", "plane", "minimum", "maximum", "weights", "q")
"""The fields of `itr_xpulp_depthwise`, all of a word; the function keeps them in its frame."""
_FREE = ("a0", "a3", "t3", "t4", "t5", "t6", "ra", *(f"s{i}" for i in range(12)))
"""Registers that requantization leaves."""
_TARGET, _PITCH = "a4", "a5"


@dataclass(frozen=True)
class Kernel:
    """Rows of windows of `rows` by four times `words` taps, `stride` bytes apart."""

    rows: int
    words: int
    stride: int
    split: Split

    @property
    def fits(self) -> bool:
        """Whether there are enough registers."""
        return self.rows * (1 + self.words) + 4 <= len(_FREE)

    @property
    def name(self) -> str:
        return f"itr_xpulp_depthwise_{self.rows}x{self.words}_{self.stride}_{self.split.name}"

    @property
    def prototype(self) -> str:
        arguments = "const int8_t *const *rows, int8_t *out, const itr_xpulp_depthwise *s, int32_t pixels"
        return f"void {self.name}({arguments})"

    @property
    def frame(self) -> assembler.Frame:
        used = self._registers()
        saved = tuple(r for r in used if r == "ra" or r.startswith("s"))
        return assembler.Frame(("out", "pixels", "left", *FIELDS), saved)

    def cycles(self, pixels: int) -> int:
        """Of a row of a channel."""
        loads = self.rows * self.words * (1.75 if self.stride % 2 else 1.5)
        each = 2 + loads + self.rows * self.words + assembler.cycles(requantized.code(self.split, "t3"))
        return round(34 + self.rows * (2 + self.words) + pixels * each)

    def source(self) -> SourceFile:
        frame = self.frame
        total, bias, *_ = self._registers()
        pointers, weights, inputs = self._parts()
        lines = [*frame.enter(), frame.store("a1", "out"), frame.store("a3", "pixels")]
        for i, field in enumerate(FIELDS):
            lines += [f"lw t0, {4 * i}(a2)", frame.store("t0", field)]
        lines += [frame.load("t0", "channels"), frame.store("t0", "left"), f"mv {_PITCH}, t0", "mv t2, a0"]
        lines += [f"lw {pointer}, {4 * i}(t2)" for i, pointer in enumerate(pointers)]
        lines += ["1:", frame.load(_TARGET, "weights"), frame.load("t2", "q")]
        lines += [f"cv_lw {w}, {_TARGET}, 4" for w in weights]
        lines += [
            frame.store(_TARGET, "weights"),
            f"lw {bias}, 0(t2)",
            *requantized.constants(self.split, "t2"),
        ]
        lines += [f"addi t2, t2, {requantized.BYTES}", frame.store("t2", "q"), frame.load(_TARGET, "out")]
        if self.split.clamped:
            lines += [frame.load(requantized.MINIMUM, "minimum"), frame.load(requantized.MAXIMUM, "maximum")]
        lines += [f"addi t2, {_TARGET}, 1", frame.store("t2", "out"), frame.load("t2", "pixels")]
        body = [f"mv {total}, {bias}", *_products(total, list(self._taps(pointers, weights)), inputs)]
        lines += assembler.loop(0, "t2", [*body, *requantized.store(self.split, [total], _TARGET, _PITCH)])
        lines += [frame.load("t2", "pixels"), frame.load(_TARGET, "plane")]
        lines += [f"slli t2, t2, {self.stride.bit_length() - 1}", f"sub {_TARGET}, {_TARGET}, t2"]
        lines += [f"add {p}, {p}, {_TARGET}" for p in pointers]
        lines += [frame.load("t2", "left"), "addi t2, t2, -1", frame.store("t2", "left"), "bnez t2, 1b"]
        comment = "A row of outputs, channel after channel: see itr_xpulp_depthwise.h."
        return assembler.function(self.name, comment, [*lines, *frame.leave()])

    def _registers(self) -> tuple[str, ...]:
        """A sum, the bias, pointers, weights, inputs."""
        inputs = min(3, len(_FREE) - 2 - self.rows * (1 + self.words))
        return _FREE[: 2 + self.rows * (1 + self.words) + inputs]

    def _parts(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        rest = self._registers()[2:]
        taps = self.rows * self.words
        return rest[: self.rows], rest[self.rows : self.rows + taps], rest[self.rows + taps :]

    def _taps(self, pointers: tuple[str, ...], weights: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """How to load each word, with `{}` for the register, and its weights. The last load of a row moves on."""
        for row, pointer in enumerate(pointers):
            for word in range(1, self.words):
                yield f"lw {{}}, {4 * word}({pointer})", weights[row * self.words + word]
            yield f"cv_lw {{}}, {pointer}, {self.stride}", weights[row * self.words]


def _products(total: str, taps: list[tuple[str, str]], inputs: tuple[str, ...]) -> list[str]:
    """Loads as many words ahead as there are inputs: a value that is used right behind its load waits a cycle."""
    lines = []
    for i in range(len(taps) + len(inputs) - 1):
        used = i - len(inputs) + 1
        if i < len(taps):
            lines.append(taps[i][0].format(inputs[i % len(inputs)]))
        if used >= 0:
            lines.append(f"cv_sdotsp_b {total}, {inputs[used % len(inputs)]}, {taps[used][1]}")
    return lines
