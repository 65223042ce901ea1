# SPDX-License-Identifier: Apache-2.0
"""Explicit paddings, which `.tflite` has no field for, as nodes of their own before convolutions and maxima."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia import dtypes
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.ops._common import EXPLICIT
from intarsia.ops._layer2d import LayerAttrs
from intarsia.ops._pooling import PoolAttrs


def separate(graph: Graph) -> Graph:
    """The same network with a PAD before each convolution of explicit paddings, and a PADV2 of the least value before
    each such MAX_POOL_2D."""
    tensors, nodes = list(graph.tensors), []
    for node in graph.nodes:
        attrs = node.attrs
        if not isinstance(attrs, LayerAttrs | PoolAttrs) or attrs.padding != EXPLICIT:
            nodes.append(node)
            continue
        if isinstance(attrs, PoolAttrs) and node.op != "MAX_POOL_2D":
            nodes.append(node)
            continue
        above, below, left, right = attrs.pads
        paddings = np.array([[0, 0], [above, below], [left, right], [0, 0]], np.int32)
        source = graph.required(node, 0)
        shape = tuple(int(e) for e in np.array(source.shape) + paddings.sum(axis=1))
        border = [node.inputs[0], len(tensors)]
        tensors.append(Tensor(f"{node.name}/paddings", (4, 2), dtypes.INT32, None, paddings))
        if isinstance(attrs, PoolAttrs):
            border.append(len(tensors))
            tensors.append(_least(node, source))
        padded = len(tensors)
        tensors.append(replace(source, name=f"{node.name}/padded", shape=shape, data=None))
        nodes.append(
            Node("PAD" if len(border) == 2 else "PADV2", tuple(border), (padded,), Attrs(), node.name)
        )
        attrs = replace(attrs, padding="VALID", pads=())
        nodes.append(replace(node, inputs=(padded, *node.inputs[1:]), attrs=attrs))
    return graph.replace(tensors=tuple(tensors), nodes=tuple(nodes))


def _least(node: Node, source: Tensor) -> Tensor:
    """A constant that is never a maximum."""
    kind = source.dtype
    value = np.finfo(np.float32).min if kind.is_float else kind.range[0]
    return Tensor(f"{node.name}/least", (1,), kind, source.quant, np.array([value], kind.numpy))
