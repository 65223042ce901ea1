# SPDX-License-Identifier: Apache-2.0
"""How inputs lie in memory: channels last where the network treats them as images or as sequences of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SPATIAL = frozenset(
    (
        "Conv",
        "ConvTranspose",
        "ConvInteger",
        "QLinearConv",
        "MaxPool",
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "LpPool",
        "BatchNormalization",
        "InstanceNormalization",
        "GroupNormalization",
        "Resize",
        "Upsample",
        "DepthToSpace",
        "SpaceToDepth",
        "LRN",
    )
)
"""Operators whose axis 1 holds channels."""
SHAPING = frozenset(
    (
        "Reshape",
        "Flatten",
        "MatMul",
        "Gemm",
        "Squeeze",
        "Unsqueeze",
        "Gather",
        "Shape",
        "Einsum",
        "LSTM",
        "GRU",
        "RNN",
    )
)
"""Operators behind which nothing says any more what the axes of an input are."""
TO_CHANNELS_FIRST = ((0, 3, 1, 2), (0, 2, 1))


def input_order(name: str, rank: int, nodes: Sequence[Any]) -> tuple[int, ...]:
    """Axes of ONNX in the order of memory, for a graph input.

    Images [N, C, H, W] lie as [N, H, W, C], unless the network itself begins by moving their channels to axis 1; inputs
    [N, C, L] lie as [N, L, C] if a convolution, pooling or normalization reads them.
    """
    plain = tuple(range(rank))
    if rank not in (3, 4):
        return plain
    reached, spatial = {name}, False
    for node in nodes:
        if not reached.intersection(node.input):
            continue
        if node.op_type == "Transpose":
            if any(tuple(a.ints) in TO_CHANNELS_FIRST for a in node.attribute if a.name == "perm"):
                return plain
        elif node.op_type in SPATIAL and node.input[0] in reached:
            spatial = True
            break
        elif node.op_type not in SHAPING:
            reached.update(node.output)
    last = (0, *range(2, rank), 1)
    return last if spatial or rank == 4 else plain
