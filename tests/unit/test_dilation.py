# SPDX-License-Identifier: Apache-2.0
"""SPACE_TO_BATCH_ND, a convolution and BATCH_TO_SPACE_ND become one dilated convolution, with the same outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from intarsia import simulate
from intarsia.dtypes import BY_NAME
from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import registry
from intarsia.ops._cases import Case
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.passes import canonicalise, dilation
from support.draw import SeededDraw, sample

BLOCKS = ((2, 2), (3, 2), (1, 4))


def spread(
    kind: str, depthwise: bool, block: tuple[int, int], before: tuple[int, int], crops: int, stride: int = 1
) -> Graph:
    """The three nodes over a 9 x 11 map of 4 channels, with a 3 x 3 kernel."""
    draw = SeededDraw(3)
    case = Case(draw)
    x = case.input((1, 9, 11, 4), kind)
    source = case.tensors[x]
    extents = source.shape[1:3]
    borders = [[b, -(n + b) % d + 2 * d] for n, b, d in zip(extents, before, block, strict=True)]
    edges = case.constant(np.array(block, np.int32))
    pairs = case.constant(np.array(borders, np.int32))
    nodes = [Node("SPACE_TO_BATCH_ND", (x, edges, pairs), (), Attrs(), "spread")]
    if depthwise:
        weights = case.weights(x, (1, 3, 3, 4), axis=3)
        layer: Attrs = DepthwiseConv2DAttrs("VALID", (stride, stride))
    else:
        weights = case.weights(x, (5, 3, 3, 4), axis=0)
        layer = Conv2DAttrs("VALID", (stride, stride))
    bias = case.bias(x, weights, 4 if depthwise else 5)
    nodes.append(
        Node("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", (-2, weights, bias), (), layer, "layer")
    )
    cut = case.constant(np.array([[crops, 0], [0, crops]], np.int32))
    nodes.append(Node("BATCH_TO_SPACE_ND", (-2, edges, cut), (), Attrs(), "gather"))
    finished: list[Node] = []
    quant = source.quant
    for node in nodes:
        inputs = tuple(finished[-1].outputs[0] if i == -2 else i for i in node.inputs)
        node = replace(node, inputs=inputs)
        graph = Graph("g", tuple(case.tensors), (), (), ())
        (shape,) = registry()[node.op].infer(node, graph)
        quant = case.output_quant(node) if node.name == "layer" else quant
        finished.append(replace(node, outputs=(case.input(shape, kind, quant),)))
    return Graph("g", tuple(case.tensors), tuple(finished), (x,), finished[-1].outputs).verify()


@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("block", BLOCKS)
def test_folded(kind: str, depthwise: bool, block: tuple[int, int]) -> None:
    graph = spread(kind, depthwise, block, block, crops=1)
    after = canonicalise(graph)
    (node,) = after.nodes
    assert isinstance(node.attrs, Conv2DAttrs | DepthwiseConv2DAttrs)
    assert node.attrs.dilation == block
    values = [sample(graph.tensor(i), np.random.default_rng(1)) for i in graph.inputs]
    for a, b in zip(simulate.run(graph, values), simulate.run(after, values), strict=True):
        assert np.array_equal(a, b)
    assert after.tensor(after.outputs[0]).dtype == BY_NAME[kind]


def test_strides_and_larger_crops_stay() -> None:
    """A stride in the grid is no stride of the map, and what is cut off must have been added."""
    for graph in (
        spread("int8", False, (2, 2), (2, 2), 1, stride=2),
        spread("int8", False, (2, 2), (0, 0), 1),
    ):
        assert len(dilation.run(graph).nodes) == 3


def test_a_map_that_others_read_stays() -> None:
    graph = spread("float32", False, (2, 2), (2, 2), 1)
    graph = graph.replace(outputs=(*graph.outputs, graph.nodes[0].outputs[0]))
    assert len(dilation.run(graph).nodes) == 3
