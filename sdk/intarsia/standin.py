# SPDX-License-Identifier: Apache-2.0
"""Graphs with fewer bits that stand for the real ones before these are made: what they need of memory and time.

Codes are rounded without a look at data. Scales go with them, those of biases too: values that overflow would make
channels constant, and constant channels cost nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia.dtypes import BY_BITS
from intarsia.ir import Graph, OutlierRule, Quantization, Tensor
from intarsia.plan.head import Tiling
from intarsia.plan.precision import NORMAL, OUTLIER
from intarsia.plan.vdpc import Membership
from intarsia.quantize import classes, layout, parameters
from intarsia.quantize.classes import Widths
from intarsia.quantize.mixed import BIAS, WEIGHTS, Bits


def stand_in(
    graph: Graph,
    widths: Widths,
    tiling: Tiling | None = None,
    membership: Membership | None = None,
    rule: OutlierRule | None = None,
) -> Graph:
    """The graph with types as chosen: it needs the memory of the real one."""
    if tiling is None or membership is None:
        return narrowed(graph, widths.network(NORMAL))
    if membership.single is not None:
        return narrowed(graph, widths.network(OUTLIER if membership.single else NORMAL))
    main = narrowed(graph, widths.network(NORMAL))
    before = graph.replace(nodes=tiling.head.nodes, outputs=(tiling.head.tensor,))
    return classes.joined(main, narrowed(before, widths.network(OUTLIER)), tiling, membership, rule)


def narrowed(graph: Graph, bits: Bits) -> Graph:
    """An int8 graph with maps and weights of fewer bits. A bias that several layers share is that of the last."""
    tensors = list(graph.tensors)
    for index, width in bits.maps.items():
        tensors[index] = _map(graph.tensor(index), width)
    for position, node in enumerate(graph.nodes):
        stated, width = layout.weights_of(graph, node), bits.weights.get(position, 8)
        if stated is None or (width == 8 and node.inputs[0] not in bits.maps):
            continue
        if width < 8:
            tensors[node.inputs[WEIGHTS]] = _weights(
                stated, 3 if node.op == "DEPTHWISE_CONV_2D" else 0, width
            )
        bias = graph.operand(node, BIAS)
        if bias is not None and bias.data is not None:
            scale, weights = tensors[node.inputs[0]].scale, tensors[node.inputs[WEIGHTS]]
            tensors[node.inputs[BIAS]] = parameters.bias(bias.name, layout.real(bias), scale, weights)
    return graph.replace(tensors=tuple(tensors))


def _map(tensor: Tensor, bits: int) -> Tensor:
    by = 8 - bits
    quant = Quantization((tensor.scale * (1 << by),), (tensor.zero_point >> by,))
    return replace(tensor, dtype=BY_BITS[bits], quant=quant)


def _weights(tensor: Tensor, axis: int, bits: int) -> Tensor:
    """Weights with a scale per output channel, the largest one the largest code."""
    real = np.moveaxis(layout.real(tensor), axis, 0)
    low, high = BY_BITS[bits].range
    largest = np.abs(real.reshape(len(real), -1)).max(axis=1, initial=0.0)
    scale = np.where(largest > 0.0, largest / high, 1.0).astype(np.float32).astype(np.float64)
    codes = np.clip(np.round(real / scale.reshape(-1, *(1,) * (real.ndim - 1))), low, high).astype(np.int8)
    quant = Quantization(tuple(map(float, scale)), (0,) * len(scale), axis)
    data = np.ascontiguousarray(np.moveaxis(codes, 0, axis))
    return replace(tensor, dtype=BY_BITS[bits], quant=quant, data=data)
