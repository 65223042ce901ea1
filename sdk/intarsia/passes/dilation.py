# SPDX-License-Identifier: Apache-2.0
"""Folds SPACE_TO_BATCH_ND, a convolution and BATCH_TO_SPACE_ND into one dilated convolution.

The three are how some exporters write dilation. A window of the convolution in phase p of the grid takes cells that
are a block apart in the wide map, so the block shape is the dilation; borders added before and cut off behind give
the padding of the whole.
"""

from __future__ import annotations

from dataclasses import replace

from intarsia.check import fault
from intarsia.ir import Graph, Node
from intarsia.ops._common import EXPLICIT
from intarsia.ops._layer2d import LayerAttrs


def run(graph: Graph) -> Graph:
    """Each fold drops two nodes, so this ends."""
    position = 0
    while position < len(graph.nodes):
        folded = _fold(position, graph)
        if folded is None:
            position += 1
        else:
            graph = folded
    return graph.verify()


def _fold(position: int, graph: Graph) -> Graph | None:
    """The graph with the three nodes that start at `position` in one, or None."""
    first = graph.nodes[position]
    if first.op != "SPACE_TO_BATCH_ND" or fault(first, graph):
        return None
    second = _only_reader(first, graph)
    third = None if second is None else _only_reader(graph.nodes[second], graph)
    if second is None or third is None:
        return None
    layer = _dilated((first, graph.nodes[second], graph.nodes[third]), graph)
    if layer is None:
        return None
    nodes = [
        layer if i == second else node for i, node in enumerate(graph.nodes) if i not in (position, third)
    ]
    return graph.replace(nodes=tuple(nodes))


def _only_reader(node: Node, graph: Graph) -> int | None:
    """Position of the one node that reads a node's output; None when there are more, or the graph gives it out."""
    index = node.outputs[0]
    readers = list(graph.readers(index))
    return readers[0] if len(readers) == 1 and index not in graph.results else None


def _dilated(nodes: tuple[Node, Node, Node], graph: Graph) -> Node | None:
    """One convolution for the three nodes, or None where they are no dilated convolution."""
    first, layer, last = nodes
    attrs = layer.attrs
    if not isinstance(attrs, LayerAttrs) or last.op != "BATCH_TO_SPACE_ND":
        return None
    if attrs.padding != "VALID" or (attrs.stride, attrs.dilation) != ((1, 1), (1, 1)):
        return None
    if layer.inputs[0] != first.outputs[0] or fault(layer, graph) or fault(last, graph):
        return None
    same_codes = graph.required(first, 0).quant == graph.output(first).quant
    same_codes = same_codes and graph.required(last, 0).quant == graph.output(last).quant
    block = graph.constant(first, 1).tolist()
    if not same_codes or len(block) != 2 or block != graph.constant(last, 1).tolist():
        return None
    pads = graph.constant(first, 2) - graph.constant(last, 2)
    if pads.min() < 0:
        return None
    attrs = replace(
        attrs, padding=EXPLICIT, dilation=(block[0], block[1]), pads=tuple(int(v) for v in pads.reshape(-1))
    )
    return replace(layer, inputs=(first.inputs[0], *layer.inputs[1:]), outputs=last.outputs, attrs=attrs)
