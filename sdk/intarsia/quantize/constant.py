# SPDX-License-Identifier: Apache-2.0
"""Channels of an int8 graph that never change, and must not begin to when their network gets fewer bits.

Firmware leaves such channels out (`passes.constant_channels`). Rounded weights and corrected biases would bring them
back, with noise in them: vww_mobilenetv1_025_96 with all maps and weights at 4 bits needed 1.0 M instructions more.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from intarsia.ir import Graph, Node, Tensor
from intarsia.passes.constant_channels import code_ranges


@dataclass(frozen=True, eq=False)
class Constant:
    """Of one feature map: which channels have one value only, bool [C], and that real value, float64 [C]."""

    channels: np.ndarray
    values: np.ndarray


@functools.lru_cache(maxsize=16)
def channels(graph: Graph) -> Mapping[int, Constant]:
    """The constant channels of each feature map that has any."""
    found = {}
    for index, codes in code_ranges(graph).items():
        tensor = graph.tensor(index)
        if codes.constant.any():
            found[index] = Constant(codes.constant, (codes.low - tensor.zero_point) * float(tensor.scale))
    return found


def weights(node: Node, tensor: Tensor, constant: Constant) -> Tensor:
    """Weights of the layer that writes the map, 0 for what never changes."""
    assert tensor.data is not None
    axis = 3 if node.op == "DEPTHWISE_CONV_2D" else 0
    zeros = np.zeros(tensor.shape[axis], np.int64)
    if tensor.quant is not None:
        zeros = zeros + np.array(tensor.quant.zero_point)
    shape = tuple(-1 if place == axis else 1 for place in range(len(tensor.shape)))
    kept = ~constant.channels.reshape(shape)
    return replace(tensor, data=np.where(kept, tensor.data, zeros.reshape(shape)).astype(tensor.data.dtype))
