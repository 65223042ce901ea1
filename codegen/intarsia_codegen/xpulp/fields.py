# SPDX-License-Identifier: Apache-2.0
"""The matrix product with weights of 4 and 2 bits: words of them are put apart in registers, inside the loop.

There is no product of narrower codes than bytes: an instruction does four, whatever their bits, and every word that it
takes is either loaded or made by an instruction. int8 loads 8 words for 16 products; here the weights of four channels
are loaded once for two or four words, but making one of them takes an instruction at least. So in the loop

    int8     24 instructions for 64 products
    4 bits   26: AND keeps the upper code of each byte, a shift brings the lower one up, both 16 times too large,
             which the sums are shifted back by
    2 bits   28: three of four take a shift up and one down

and the gain is flash: a half, a quarter. Weights of four channels, their inputs and sums leave one register for the
windows, so the distance between them is part of the instructions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from intarsia_codegen.xpulp import gemm
from intarsia_codegen.xpulp.gemm import CHANNELS

WORD = 4
MOST_STEP = 2044 // (gemm.PIXELS - 1)
"""Bytes between windows that loads reach."""

SCALED = {8: 0, 4: 4, 2: 0}
"""By the bits of weights: sums are 2**so many times what they mean."""

_PACKED, _MADE, _POINTER, _WINDOW = ("a1", "a2", "a5", "a6"), "a7", "a0", "a4"
_INPUTS = ("t0", "t1", "t2", "ra")


@dataclass(frozen=True)
class Widths:
    """Bits of weights as they are kept in flash, and of the codes of the input, which are bytes when they get here."""

    weights: int = 8
    inputs: int = 8


BYTES = Widths()


@dataclass(frozen=True)
class Kernel(gemm.Kernel):
    """Of weights of `bits`, windows `step` bytes apart."""

    bits: int = 4
    step: int = 0

    @property
    def suffix(self) -> str:
        """As `gemm.Kernel`."""
        return f"_w{self.bits}{f'_{self.step}' if self.pixels > 1 else ''}"

    @property
    def windows(self) -> tuple[str, ...]:
        """As `gemm.Kernel`."""
        return (_WINDOW,)

    @property
    def fields(self) -> int:
        """Words of weights in a packed one."""
        return fields(self.bits)

    def turn(self, words: int) -> float:
        """As `gemm.Kernel`, for a multiple of `fields` words."""
        return words / self.fields * len(self._products([("",) * self.pixels] * CHANNELS))

    def _products(self, sums: list[tuple[str, ...]], load: str = "cv_lw {}, {}, 4") -> list[str]:
        inputs = _INPUTS[: self.pixels]
        lines = [load.format(word, _POINTER) for word in _PACKED]
        for field in range(self.fields):
            lines += [f"lw {x}, {i * self.step}({_WINDOW})" for i, x in enumerate(inputs) if i > 0]
            lines.append(load.format(inputs[0], _WINDOW))
            for row, packed in zip(sums, _PACKED, strict=True):
                lines += self._made(field, packed)
                lines += [self.form.product(total, _MADE, x) for total, x in zip(row, inputs, strict=True)]
        return lines

    def _made(self, field: int, packed: str) -> list[str]:
        """The word of weights, from the lowest bits of every byte on."""
        if self.bits == 4:
            return [f"cv_slli_b {_MADE}, {packed}, 2" if field == 0 else f"cv_upper_b {_MADE}, {packed}"]
        up = 3 - field
        return [
            *([f"cv_slli_b {_MADE}, {packed}, {up}"] if up else []),
            f"cv_srai_b {_MADE}, {_MADE if up else packed}, 3",
        ]


def fields(bits: int) -> int:
    """Words of weights in a packed one."""
    return 8 // bits


def least_bits(weights: np.ndarray) -> int:
    """Bits that hold every weight: 8, 4 or 2."""
    return next(bits for bits in (2, 4, 8) if (weights >> (bits - 1) == weights >> 7).all())


def holds(weights: np.ndarray, first: np.ndarray, up: int) -> bool:
    """Whether sums that begin with `first`, of weights [channels, taps] and any codes, fit 32 bits 2**up times."""
    most = np.abs(weights.astype(np.int64)).sum(axis=1) * 128 + np.abs(first.astype(np.int64))
    return up == 0 or int(most.max()) << up < 1 << 31


def pack(words: np.ndarray, bits: int) -> np.ndarray:
    """Of weights [..., words, channels, 4], packed ones [..., words / fields, channels, 4]: of the words that share
    one, the first has the lowest bits of its bytes."""
    grouped = words.reshape(*words.shape[:-3], -1, fields(bits), *words.shape[-2:]).astype(np.int64)
    places = (bits * np.arange(fields(bits)))[:, None, None]
    packed: np.ndarray = ((grouped & ((1 << bits) - 1)) << places).sum(axis=-3).astype(np.uint8)
    return packed.view(np.int8)
