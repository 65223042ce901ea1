# SPDX-License-Identifier: Apache-2.0
"""Moves QUANTIZE and DEQUANTIZE to where integer layers can take them in, and off the borders of the graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from intarsia.dtypes import FLOAT32
from intarsia.ir import ABSENT, Attrs, Graph, Node

PASSING = frozenset(
    (
        "RESHAPE",
        "TRANSPOSE",
        "SLICE",
        "STRIDED_SLICE",
        "SPLIT",
        "SPLIT_V",
        "GATHER",
        "CONCATENATION",
        "PAD",
        "MAX_POOL_2D",
        "MAXIMUM",
        "MINIMUM",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "RESIZE_NEAREST_NEIGHBOR",
        "DEPTH_TO_SPACE",
        "SPACE_TO_DEPTH",
        "TILE",
        "MIRROR_PAD",
    )
)
"""Operators whose outputs hold only values of their inputs, or real 0: codes pass through them unchanged."""
ACTIVATIONS = frozenset({"RELU", "RELU6", "RELU_N1_TO_1"})
NOT_CLAMPING = frozenset({"CONCATENATION"})
"""Operators that have a field for an activation and no kernel for it."""


class Readers:
    """Positions of the nodes that read and write each tensor."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.of: dict[int, list[int]] = {}
        self.writer: dict[int, int] = {}
        for position, node in enumerate(nodes):
            for index in dict.fromkeys(node.inputs):
                self.of.setdefault(index, []).append(position)
            for index in node.outputs:
                self.writer[index] = position


def float_maps(node: Node, graph: Graph) -> list[int]:
    """The float feature maps that a node reads."""
    sources = [i for i in node.inputs if i != ABSENT]
    return [i for i in sources if graph.tensor(i).dtype == FLOAT32 and not graph.tensor(i).is_constant]


def quantized_early(graph: Graph) -> Graph:
    """Puts the QUANTIZE behind an operator that passes values on before it, so that it follows the layer there."""
    position = len(graph.nodes) - 1
    while position >= 0:
        earlier = _earlier(position, graph) if graph.nodes[position].op == "QUANTIZE" else None
        if earlier is None:
            position -= 1
        else:
            graph, position = earlier, len(earlier.nodes) - 1
    return graph


def _earlier(position: int, graph: Graph) -> Graph | None:
    """The graph with one QUANTIZE moved, or None."""
    readers, conversion = Readers(graph.nodes), graph.nodes[position]
    source = conversion.inputs[0]
    writer = readers.writer.get(source)
    if writer is None or len(readers.of[source]) != 1 or source in graph.results:
        return None
    node = graph.nodes[writer]
    constants = [graph.tensor(i) for i in node.inputs if i != ABSENT and graph.tensor(i).is_constant]
    if node.op not in PASSING or len(node.outputs) != 1 or any(t.dtype == FLOAT32 for t in constants):
        return None
    maps = float_maps(node, graph)
    before = [readers.writer.get(i) for i in maps]
    if not maps or any(p is None or graph.nodes[p].op == "DEQUANTIZE" for p in before):
        return None
    result, tensors = graph.output(conversion), list(graph.tensors)
    made, moved = {}, []
    for index in dict.fromkeys(maps):
        made[index] = len(tensors)
        tensors.append(
            replace(
                graph.tensor(index), name=f"{result.name}/{len(made)}", dtype=result.dtype, quant=result.quant
            )
        )
        moved.append(replace(conversion, inputs=(index,), outputs=(made[index],)))
    inputs = tuple(made.get(i, i) for i in node.inputs)
    nodes = list(graph.nodes)
    del nodes[position]
    nodes[writer : writer + 1] = [*moved, replace(node, inputs=inputs, outputs=conversion.outputs)]
    return graph.replace(tensors=tuple(tensors), nodes=tuple(nodes))


def activations_fused(graph: Graph) -> Graph:
    """Gives a layer the activation that stands between it and a QUANTIZE."""
    readers, nodes = Readers(graph.nodes), list(graph.nodes)
    dropped = set()
    for position, node in enumerate(graph.nodes):
        result = node.outputs[0]
        if node.op not in ACTIVATIONS or result in graph.results or not _all_quantize(result, readers, graph):
            continue
        source = node.inputs[0]
        writer = readers.writer.get(source)
        if writer is None or len(readers.of[source]) != 1 or source in graph.results:
            continue
        layer = nodes[writer]
        if layer.op in NOT_CLAMPING or getattr(layer.attrs, "activation", None) != "NONE":
            continue
        attrs = replace(layer.attrs, activation=node.op)  # type: ignore[call-arg]
        nodes[writer] = replace(layer, attrs=attrs, outputs=(result,), name=node.name)
        dropped.add(position)
    return graph.replace(nodes=tuple(n for i, n in enumerate(nodes) if i not in dropped)).verify()


def _all_quantize(index: int, readers: Readers, graph: Graph) -> bool:
    found = readers.of.get(index, [])
    return bool(found) and all(graph.nodes[position].op == "QUANTIZE" for position in found)


def without_borders(graph: Graph) -> Graph:
    """Inputs that are only quantized, and outputs that are only dequantized, become their codes."""
    return _integer_outputs(_integer_inputs(graph))


def _integer_inputs(graph: Graph) -> Graph:
    readers, tensors, inputs = Readers(graph.nodes), list(graph.tensors), list(graph.inputs)
    dropped = set()
    for number, index in enumerate(graph.inputs):
        found = readers.of.get(index, [])
        if len(found) != 1 or index in graph.results or graph.tensor(index).dtype != FLOAT32:
            continue
        (codes,) = graph.nodes[found[0]].outputs[:1]
        if graph.nodes[found[0]].op == "QUANTIZE" and codes not in graph.results:
            tensors[codes] = replace(tensors[codes], name=tensors[index].name)
            inputs[number] = codes
            dropped.add(found[0])
    nodes = tuple(node for position, node in enumerate(graph.nodes) if position not in dropped)
    return graph.replace(tensors=tuple(tensors), nodes=nodes, inputs=tuple(inputs))


def _integer_outputs(graph: Graph) -> Graph:
    readers, tensors, outputs = Readers(graph.nodes), list(graph.tensors), list(graph.outputs)
    for number, index in enumerate(graph.outputs):
        writer = readers.writer.get(index)
        if writer is None or graph.nodes[writer].op != "DEQUANTIZE":
            continue
        codes = graph.nodes[writer].inputs[0]
        if codes in outputs or codes in graph.inputs or tensors[codes].is_constant:
            continue
        tensors[codes] = replace(tensors[codes], name=tensors[index].name)
        outputs[number] = codes
    return graph.replace(tensors=tuple(tensors), outputs=tuple(outputs))


def conversion(op: str, source: int, target: int, name: str) -> Node:
    """A QUANTIZE or DEQUANTIZE."""
    return Node(op, (source,), (target,), Attrs(), name)
