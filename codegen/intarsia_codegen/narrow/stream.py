# SPDX-License-Identifier: Apache-2.0
"""The stream of an outer product: chunks of packed weights and requantization constants, channels in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia_codegen.narrow.fit import Line
from intarsia_codegen.narrow.layer import Narrow
from intarsia_codegen.narrow.outer import Shape


@dataclass(frozen=True)
class Tiling:
    """How the taps of a window are cut: words of a pixel, words that are expanded at a time, those per chunk."""

    cells: int
    words: int
    segment: int
    chunk: int
    codes: int

    @staticmethod
    def of(shape: Shape, cells: int, in_c: int) -> Tiling:
        """`cells` taps of `in_c` channels."""
        codes = 32 // shape.in_bits
        words = -(-in_c // codes)
        most = shape.steps // codes
        parts = -(-words // most)
        segment = -(-words // parts)
        per_chunk = most // segment if parts == 1 else 1
        chunks = -(-cells * parts // per_chunk)
        return Tiling(cells, words, segment, -(-cells * parts // chunks) if parts == 1 else 1, codes)

    def chunks(self) -> list[int]:
        """Steps of every chunk."""
        segments = [
            min(self.segment, self.words - w) for w in range(0, self.words, self.segment)
        ] * self.cells
        return [self.codes * sum(segments[i : i + self.chunk]) for i in range(0, len(segments), self.chunk)]

    @property
    def steps(self) -> int:
        return sum(self.chunks())


def padded(layer: Narrow, tiling: Tiling, channels: int) -> Int64Array:
    """Stored weights [channels, steps]: effective weights of 0 behind the last channel of each tap and layer."""
    excess = excess_of(layer)
    in_c = layer.matrix.shape[1] // tiling.cells
    stored = np.full((channels, tiling.cells, tiling.words * tiling.codes), excess, np.int64)
    matrix = layer.matrix.reshape(layer.channels, tiling.cells, in_c)
    stored[: layer.channels, :, :in_c] = matrix + excess
    return stored.reshape(channels, -1)


def excess_of(layer: Narrow) -> int:
    """What makes an effective weight of 0 a stored one. Stored weights are codes counted from the lowest."""
    return layer.weights_zero - layer.lowest_weight


def largest_field(layer: Narrow, tiling: Tiling) -> int:
    """Largest sum of any channel and chunk, in units of the largest code; see `outer` for what a field holds.

    Partial sums are no larger, as nothing negative is ever added.
    """
    excess = excess_of(layer)
    rising = np.maximum(padded(layer, tiling, layer.channels) - excess, 0)
    ends = np.cumsum(tiling.chunks())
    parts = np.split(rising, ends[:-1], axis=1)
    return max([int(part.sum(axis=1).max()) + excess * int(part.shape[1]) for part in parts], default=0)


def stream(
    layer: Narrow, shape: Shape, tiling: Tiling, line: Line, channels: int, pairs: Sequence[int]
) -> list[int]:
    """Words for the pairs of channels that begin with `pairs`, the same number for each. Of `channels` those beyond the
    layer's have any output."""
    stored = padded(layer, tiling, channels)
    constants = line.of_pairs(channels)
    words: list[int] = []
    for first in pairs:
        start = 0
        for steps in tiling.chunks():
            words.append(shape.skip(steps))
            words += _packed(stored[first : first + 2, start : start + steps], shape)
            start += steps
        words += constants[first // 2].tolist()
    return words


def _packed(stored: Int64Array, shape: Shape) -> Sequence[int]:
    per_word = shape.steps_per_word
    words = np.zeros(stored.shape[1] // per_word, np.int64)
    for step, (_, first, second) in enumerate(shape.rotations()):
        words |= stored[0, step::per_word] << (shape.weight_bits * first)
        words |= stored[1, step::per_word] << (shape.weight_bits * second)
    return words.tolist()  # type: ignore[no-any-return]
