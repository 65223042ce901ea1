# SPDX-License-Identifier: Apache-2.0
"""Explicit paddings of convolutions, which `.tflite` has no field for, as PAD nodes of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia import dtypes
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.ops._common import EXPLICIT
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs


def separate(graph: Graph) -> Graph:
    """The same network with a PAD before each convolution of explicit paddings."""
    tensors, nodes = list(graph.tensors), []
    for node in graph.nodes:
        attrs = node.attrs
        if isinstance(attrs, (Conv2DAttrs, DepthwiseConv2DAttrs)) and attrs.padding == EXPLICIT:
            above, below, left, right = attrs.pads
            paddings = np.array([[0, 0], [above, below], [left, right], [0, 0]], np.int32)
            source = graph.required(node, 0)
            shape = tuple(int(e) for e in np.array(source.shape) + paddings.sum(axis=1))
            tensors.append(Tensor(f"{node.name}/paddings", (4, 2), dtypes.INT32, None, paddings))
            tensors.append(replace(source, name=f"{node.name}/padded", shape=shape, data=None))
            padded = len(tensors) - 1
            nodes.append(Node("PAD", (node.inputs[0], padded - 1), (padded,), Attrs(), node.name))
            node = replace(
                node, inputs=(padded, *node.inputs[1:]), attrs=replace(attrs, padding="VALID", pads=())
            )
        nodes.append(node)
    return graph.replace(tensors=tuple(tensors), nodes=tuple(nodes))
