# SPDX-License-Identifier: Apache-2.0
"""Lets a layer do what stood alone before or behind it: activations of float layers, and borders of zeros."""

from __future__ import annotations

from dataclasses import replace

from intarsia.check import fault
from intarsia.ir import Graph, Node
from intarsia.ops._common import EXPLICIT, Window
from intarsia.ops._layer2d import LayerAttrs

ACTIVATIONS = frozenset({"RELU", "RELU6", "RELU_N1_TO_1"})
CLAMPING = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD"})
"""Operators that take a fused activation over."""
BORDERS = frozenset({"PAD", "PADV2"})


def run(graph: Graph) -> Graph:
    """Each fusion drops one node, so this ends."""
    for fusion in (_activation, _border):
        position = 0
        while position < len(graph.nodes):
            fused = fusion(position, graph)
            if fused is None:
                position += 1
            else:
                graph = fused
    return graph.verify()


def _without(position: int, changed: int, node: Node, graph: Graph) -> Graph:
    """The graph with `node` in place of the node at `changed`, and without the one at `position`."""
    nodes = list(graph.nodes)
    nodes[changed] = node
    del nodes[position]
    return graph.replace(nodes=tuple(nodes))


def _only_reader(index: int, graph: Graph) -> int | None:
    """Position of the one node that reads a tensor; None when there are more, or the graph gives it out."""
    readers = list(graph.readers(index))
    return readers[0] if len(readers) == 1 and index not in graph.results else None


def _activation(position: int, graph: Graph) -> Graph | None:
    """The graph with the float activation at `position` inside the layer before it, or None."""
    node = graph.nodes[position]
    source = graph.operand(node, 0)
    if node.op not in ACTIVATIONS or source is None or source.dtype.name != "float32":
        return None
    before = next((i for i, n in enumerate(graph.nodes) if node.inputs[0] in n.outputs), None)
    if before is None or _only_reader(node.inputs[0], graph) is None:
        return None
    layer = graph.nodes[before]
    if layer.op not in CLAMPING or getattr(layer.attrs, "activation", None) != "NONE":
        return None
    attrs = replace(layer.attrs, activation=node.op)  # type: ignore[call-arg]
    return _without(
        position, before, replace(layer, attrs=attrs, outputs=node.outputs, name=node.name), graph
    )


def _border(position: int, graph: Graph) -> Graph | None:
    """The graph with the PAD at `position` inside the VALID convolution behind it, or None.

    The layer gets SAME padding where that is the same border, and explicit paddings elsewhere.
    """
    node = graph.nodes[position]
    if node.op not in BORDERS or fault(node, graph):
        return None
    reader = _only_reader(node.outputs[0], graph)
    if reader is None:
        return None
    layer = graph.nodes[reader]
    attrs = layer.attrs
    if not isinstance(attrs, LayerAttrs) or attrs.padding != "VALID":
        return None
    if layer.inputs[0] != node.outputs[0] or fault(layer, graph):
        return None
    if not _is_zero_border(node, graph):
        return None
    inputs = (node.inputs[0], *layer.inputs[1:])
    if _is_same(node, layer, graph):
        attrs = replace(attrs, padding="SAME")
    else:
        pads = tuple(int(v) for v in graph.constant(node, 1)[1:3].reshape(-1))
        attrs = replace(attrs, padding=EXPLICIT, pads=pads)
    return _without(position, reader, replace(layer, inputs=inputs, attrs=attrs), graph)


def _is_zero_border(node: Node, graph: Graph) -> bool:
    """Whether rows and columns alone are padded, with the code of real 0, and codes keep their meaning."""
    source, paddings = graph.required(node, 0), graph.constant(node, 1)
    if len(source.shape) != 4 or paddings[[0, 3]].any() or source.quant != graph.output(node).quant:
        return False
    zero = 0 if source.quant is None else source.zero_point
    return node.op == "PAD" or bool(graph.constant(node, 2).item() == zero)


def _is_same(node: Node, layer: Node, graph: Graph) -> bool:
    """Whether SAME padding puts the layer's windows where they are behind the PAD."""
    attrs, paddings = layer.attrs, graph.constant(node, 1)
    assert isinstance(attrs, LayerAttrs)
    size, kernel = graph.required(node, 0).shape, graph.required(layer, 1).shape
    out = graph.output(layer).shape
    return all(
        Window.of(size[axis], kernel[axis], attrs.stride[axis - 1], attrs.dilation[axis - 1], "SAME")
        == Window(out[axis], int(paddings[axis, 0]))
        for axis in (1, 2)
    )
