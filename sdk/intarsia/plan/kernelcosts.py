# SPDX-License-Identifier: Apache-2.0
"""What a layer costs with weights and maps of so many bits: instructions, from measured ratios to int8 kernels.

The table holds instruction counts on Cortex-M4 of our generated kernels, int8 / this, at middling shapes (1x1 with 96
input channels, 3x3 64 to 64 on 8x8, depthwise 3x3 with 64 channels): wider layers gain more, narrower ones less. What
was not measured counts as slower than int8: such bits save memory, and no time may be promised for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intarsia.ir import Graph, Node

POINTWISE, CONVOLUTION, DEPTHWISE, OTHER = "pointwise", "convolution", "depthwise", "other"

RATIOS: Mapping[str, Mapping[tuple[int, int], float]] = {
    POINTWISE: {(8, 8): 1.0, (4, 8): 1.0, (8, 4): 0.98, (4, 4): 1.24, (2, 4): 1.26, (2, 2): 1.71},
    CONVOLUTION: {(8, 8): 1.0, (4, 8): 1.0, (8, 4): 0.99, (4, 4): 1.25, (2, 4): 1.27, (2, 2): 1.64},
    DEPTHWISE: {(8, 8): 1.0, (4, 8): 1.0, (8, 4): 0.95, (4, 4): 0.95, (2, 4): 0.95, (2, 2): 0.92},
}
"""By kind and (weight bits, input bits)."""
UNMEASURED = 0.48
INSTRUCTIONS_PER_MAC = {POINTWISE: 0.79, CONVOLUTION: 0.78, DEPTHWISE: 1.45}
"""Of the int8 kernels."""
INSTRUCTIONS_PER_VALUE = 5.9
"""That layers without weights write: of int8 ADD (16 channels, 24x24)."""


@dataclass(frozen=True)
class Work:
    """The MACs of one layer in the branches of one class, or behind them; the values that a layer without weights (kind
    `OTHER`) writes."""

    layer: int
    kind: str
    macs: int


Costs = Callable[[Work, int, Sequence[int], int], float]
"""Instructions of a work with (bits of the weights, of each map that it reads, of the one that it writes); a board's
own measurements, or `estimated`."""


def estimated(work: Work, weights: int, inputs: Sequence[int], output: int) -> float:
    """Instructions by the table, which knows nothing of the map that is written. Layers without weights take as long
    with all maps of fewer bits as with 8, and longer where these differ."""
    if work.kind == OTHER:
        return work.macs * INSTRUCTIONS_PER_VALUE / (1.0 if {*inputs} == {output} else UNMEASURED)
    ratio = RATIOS[work.kind].get((weights, inputs[0]), UNMEASURED)
    return work.macs * INSTRUCTIONS_PER_MAC[work.kind] / ratio


def kind_of(node: Node, graph: Graph) -> str:
    """Which row of the table a layer with weights belongs to."""
    if node.op == "DEPTHWISE_CONV_2D":
        return DEPTHWISE
    shape = graph.required(node, 1).shape
    return CONVOLUTION if len(shape) == 4 and shape[1:3] != (1, 1) else POINTWISE
