# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution of reals in assembler: a word of channels (one float, or two halves) along a row of outputs.

The weights of its channels stay in registers, and so do pointers to the rows of its windows, which every load moves to
the next tap, and the last one of a row to the next window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from intarsia.kernelcall import KernelCall
from intarsia_codegen.ctext import number
from intarsia_codegen.generated import GeneratedKernel, SourceFile
from intarsia_codegen.layertext import array, structure
from intarsia_codegen.rowwise import layer
from intarsia_codegen.rowwise.geometry import Geometry
from intarsia_codegen.rowwise.layer import Product
from intarsia_codegen.xf16.convolution import as_bytes
from intarsia_codegen.xf16.form import WORD, Reals
from intarsia_codegen.xf16.sources import shared
from intarsia_codegen.xpulp import assembler
from intarsia_codegen.xpulp.family import XPULP

HEADER = "itr_xf16_depthwise.h"
FIELDS = ("words", "step", "back", "down", "pitch", "minimum", "maximum", "weights")
"""The fields of `itr_xf16_depthwise`, all of a word; the function keeps them in its frame."""
_TARGET, _PITCH, _STEP, _BACK, _TOTAL, _BIAS = "a4", "a5", "a6", "a7", "t0", "t1"
_FREE = ("a0", "a3", "t3", "t4", "t5", "t6", "ra", *(f"s{i}" for i in range(12)))
"""Registers for pointers, weights and values."""
INPUTS = 3


@dataclass(frozen=True)
class Kernel:
    """Windows of `rows` by `columns` taps."""

    rows: int
    columns: int
    form: Reals

    @property
    def fits(self) -> bool:
        """Whether there are enough registers."""
        return self.rows * (1 + self.columns) + INPUTS <= len(_FREE)

    @property
    def name(self) -> str:
        return f"itr_xf16_depthwise_{self.rows}x{self.columns}_{self.form.name}"

    @property
    def frame(self) -> assembler.Frame:
        used = _FREE[: self.rows * (1 + self.columns) + INPUTS]
        return assembler.Frame(("in", "out", "pixels", *FIELDS), [r for r in used if r[0] in "rs"])

    def cycles(self, words: int, pixels: int) -> int:
        """Of a row of outputs."""
        each = 2 + 2 * self.rows * self.columns + len(self.form.clamped("t0"))
        return 60 + words * (24 + 2 * self.rows * self.columns + pixels * each)

    def source(self) -> SourceFile:
        frame = self.frame
        taps = self.rows * self.columns
        pointers, weights = _FREE[: self.rows], _FREE[self.rows : self.rows + taps]
        lines = [
            *frame.enter(),
            *(frame.store(f"a{i}", name) for i, name in ((0, "in"), (1, "out"), (3, "pixels"))),
        ]
        for i, field in enumerate(FIELDS):
            lines += [f"lw t0, {4 * i}(a2)", frame.store("t0", field)]
        lines += [frame.load(_PITCH, "pitch"), frame.load(_STEP, "step"), frame.load(_BACK, "back")]
        lines += [
            *self.form.block(frame),
            "1:",
            frame.load(_TARGET, "weights"),
            f"cv_lw {_BIAS}, {_TARGET}, 4",
        ]
        lines += [f"cv_lw {w}, {_TARGET}, 4" for w in weights]
        lines += [frame.store(_TARGET, "weights"), frame.load(pointers[0], "in"), frame.load("t2", "down")]
        lines += [f"addi {_TARGET}, {pointers[0]}, {WORD}", frame.store(_TARGET, "in")]
        lines += [f"add {p}, {before}, t2" for before, p in pairwise(pointers)]
        lines += [frame.load(_TARGET, "out"), frame.load("t2", "pixels"), f"addi {_TOTAL}, {_TARGET}, {WORD}"]
        lines += [frame.store(_TOTAL, "out"), *assembler.loop(0, "t2", self._pixel(pointers, weights))]
        lines += [frame.load("t2", "words"), "addi t2, t2, -1", frame.store("t2", "words"), "bnez t2, 1b"]
        comment = "A row of outputs, word of channels after word of channels: see itr_xf16_depthwise.h."
        return assembler.function(self.name, comment, [*lines, *frame.leave()])

    def _pixel(self, pointers: tuple[str, ...], weights: tuple[str, ...]) -> list[str]:
        """A value is used two instructions behind its load."""
        inputs = _FREE[len(pointers) + len(weights) :][:INPUTS]
        loads = list(self._loads(pointers, inputs))
        lines = [f"mv {_TOTAL}, {_BIAS}", *loads[: INPUTS - 1]]
        for i, weight in enumerate(weights):
            lines += loads[i + INPUTS - 1 : i + INPUTS]
            lines.append(self.form.product(_TOTAL, weight, inputs[i % INPUTS]))
        return [*lines, *self.form.clamped(_TOTAL), f"cv_swr {_TOTAL}, {_TARGET}, {_PITCH}"]

    def _loads(self, pointers: tuple[str, ...], inputs: tuple[str, ...]) -> Iterator[str]:
        for row, pointer in enumerate(pointers):
            for column in range(self.columns):
                value = inputs[(row * self.columns + column) % INPUTS]
                yield f"cv_lwr {value}, {pointer}, {_STEP if column < self.columns - 1 else _BACK}"


def generate(call: KernelCall, name: str, half: bool) -> GeneratedKernel | None:
    """None for branches of patches, several outputs per channel, odd channels of halves and too large windows."""
    form = Reals.of(call, half)
    channels = call.integer("in_c")
    kernel = Kernel(call.integer("kernel_h"), call.integer("kernel_w"), form)
    if call.variants or call.integer("multiplier") != 1 or channels * form.size % WORD or not kernel.fits:
        return None
    bytewise = as_bytes(call, form.size)
    geometry = Geometry.of(bytewise)
    step = geometry["dilation_w"] * geometry["in_c"]
    words = channels * form.size // WORD
    fields: dict[str, int | str] = {
        "words": words,
        "step": step,
        "back": geometry["stride_w"] * geometry["in_c"] - (kernel.columns - 1) * step,
        "down": geometry["dilation_h"] * geometry.pitch,
        "pitch": channels * form.size,
        **{limit: number(word) for limit, word in form.limits(call).items()},
        "weights": f"{name}_weights",
    }
    taps = call.constant("weights").reshape(-1, channels)
    table = np.concatenate([call.constant("bias").reshape(1, -1), taps]).astype(form.dtype)
    packed = table.reshape(len(table), words, -1).transpose(1, 0, 2)
    product = Product(
        kernel.name,
        f"void {kernel.name}(const int8_t *in, int8_t *out, const itr_xf16_depthwise *s, int32_t pixels)",
        HEADER,
        (array(f"{name}_weights", packed), structure("itr_xf16_depthwise", f"{name}_layer", fields)),
        (kernel.source(), *shared(HEADER)),
        lambda pixels: kernel.cycles(words, pixels),
        stack_bytes={kernel.name: kernel.frame.size},
    )
    return layer.generate(
        bytewise, name, XPULP, product, out_c=channels * form.size, whole_pixels=False, untyped=True
    )
