# SPDX-License-Identifier: Apache-2.0
"""Depthwise weights, scaled as far as 16 bits allow, in groups of four channels that are requantized alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia.kernelcall import KernelCall
from intarsia_codegen.arm.matrix import counted_zero, layer_of, rule_of, scaled_plan
from intarsia_codegen.arm.requantize import Plan, Requantizer

GROUP = 4


@dataclass(frozen=True, eq=False)
class Channels:
    """Effective weights [channels, taps] and biases, to be scaled by 2**scale_bits; requantization.

    `in_zero` counts from 0 for int8, from the lowest code for fewer bits: that is how planes hold them.
    """

    matrix: Int64Array
    bias: Int64Array
    in_zero: int
    scale_bits: int
    plan: Plan

    def scaled(self, channel: int) -> Int64Array:
        """Weights of a channel as the code reads them."""
        weights: Int64Array = self.matrix[channel] << self.scale_bits
        return weights

    def start(self, channel: int, requantizer: Requantizer) -> int:
        """What the sums of a channel start from: input zero point and requantization included."""
        bias = int(self.bias[channel]) - self.in_zero * int(self.matrix[channel].sum())
        return (bias << self.scale_bits) + self.plan.bias_of(requantizer, channel)


@dataclass(frozen=True)
class ChannelRun:
    """Groups of four channels [first, end) with the same requantization; words [start, stop) of the stream."""

    requantizer: Requantizer
    first: int
    end: int
    start: int
    stop: int


def channels_of(call: KernelCall, matrix: np.ndarray) -> Channels | None:
    """Channels of a call with weights [channels, taps]; None when no scaling of them can be requantized."""
    rule = rule_of(call, len(matrix))
    layer, matrix, bias = layer_of(call, matrix, rule.apply)
    if (scaled := scaled_plan(layer, matrix, rule)) is None:
        return None
    return Channels(matrix, bias, counted_zero(call), *scaled)


def runs_of(
    channels: Channels, words_of: Callable[[int, Requantizer], list[int]]
) -> tuple[list[int], list[ChannelRun]] | None:
    """Stream and runs of a layer; None when a group has no common requantization.

    `words_of(first, requantizer)` gives the words of the four channels from `first` on. Channels that are left over
    make a group with those before them, which are computed again.
    """
    count = len(channels.matrix)
    firsts = [*range(0, count - GROUP + 1, GROUP), *([count - GROUP] if count % GROUP else [])]
    words: list[int] = []
    runs: list[ChannelRun] = []
    for first in firsts:
        requantizer = channels.plan.requantizer_of(range(first, first + GROUP))
        if requantizer is None:
            return None
        start = len(words)
        words += words_of(first, requantizer)
        if runs and runs[-1].end == first and runs[-1].requantizer is requantizer:
            runs[-1] = replace(runs[-1], end=first + GROUP, stop=len(words))
        else:
            runs.append(ChannelRun(requantizer, first, first + GROUP, start, len(words)))
    return words, runs
