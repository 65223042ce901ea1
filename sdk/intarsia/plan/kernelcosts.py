# SPDX-License-Identifier: Apache-2.0
"""What a layer costs with weights and inputs of so many bits: instructions, from measured ratios to int8 kernels.

The table holds instruction counts on Cortex-M4 of generated kernels, int8 / this. What was not measured counts as
slower than int8: such bits save memory, and no time may be promised for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from intarsia.ir import Graph, Node

POINTWISE, CONVOLUTION, DEPTHWISE = "pointwise", "convolution", "depthwise"

RATIOS: Mapping[str, Mapping[tuple[int, int], float]] = {
    POINTWISE: {(8, 8): 1.0, (4, 8): 0.89, (4, 4): 1.36, (2, 4): 1.39, (2, 2): 1.96},
    CONVOLUTION: {(8, 8): 1.0, (4, 8): 1.08, (4, 4): 1.66, (2, 4): 2.34, (2, 2): 2.75},
    DEPTHWISE: {(8, 8): 1.0, (4, 4): 1.08, (2, 4): 1.08},
}
"""By kind and (weight bits, input bits)."""
UNMEASURED = 0.85
INSTRUCTIONS_PER_MAC = {POINTWISE: 0.79, CONVOLUTION: 0.78, DEPTHWISE: 1.45}
"""Of the int8 kernels."""


@dataclass(frozen=True)
class Work:
    """The MACs of one layer in the branches of one class, or behind them."""

    layer: int
    kind: str
    macs: int


Costs = Callable[[Work, int, int], float]
"""Instructions of a work with (weight bits, input bits); a board's own measurements, or `estimated`."""


def estimated(work: Work, weight_bits: int, input_bits: int) -> float:
    """Instructions by the table."""
    ratio = RATIOS[work.kind].get((weight_bits, input_bits), UNMEASURED)
    return work.macs * INSTRUCTIONS_PER_MAC[work.kind] / ratio


def kind_of(node: Node, graph: Graph) -> str:
    """Which row of the table a layer with weights belongs to."""
    if node.op == "DEPTHWISE_CONV_2D":
        return DEPTHWISE
    shape = graph.required(node, 1).shape
    return CONVOLUTION if len(shape) == 4 and shape[1:3] != (1, 1) else POINTWISE
