# SPDX-License-Identifier: Apache-2.0
"""The old uint8 scheme becomes int8: code and zero point both move by 128, so every real value stays.

What the uint8 kernels compute differently is marked in the operators' attributes. The model's interface stays
uint8, behind a QUANTIZE node of equal scale, which only flips the top bit.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from intarsia import dtypes, ops
from intarsia.errors import ModelError
from intarsia.ir import Graph, Node, Quantization, Tensor

OFFSET = 128

EDGE = frozenset({"QUANTIZE", "DEQUANTIZE"})
"""Operators that take and give uint8 themselves."""


def form(op: str) -> str | None:
    """`Operator.unsigned` of an operator by name; None for unknown ones."""
    operator = ops.get(op)
    return None if operator is None else operator.unsigned


def run(graph: Graph) -> Graph:
    """Raises ModelError naming every uint8 operator that has no exact int8 form."""
    moved = _moved(graph)
    if not moved:
        return graph
    faults = [f for i, n in enumerate(graph.nodes) if (f := _fault(i, n, graph, moved))]
    if faults:
        raise ModelError(
            "uint8 operators that are not supported:\n  " + "\n  ".join(faults),
            hint="convert the model again with int8 quantization",
        )
    tensors = [_signed(t) if i in moved else t for i, t in enumerate(graph.tensors)]
    states = tuple(
        replace(s, initial=(s.initial ^ np.uint8(OFFSET)).view(np.int8)) if s.before in moved else s
        for s in graph.states
    )
    nodes = [_marked(n) if moved.intersection((*n.inputs, *n.outputs)) else n for n in graph.nodes]
    return _with_interface(
        graph.replace(tensors=tuple(tensors), nodes=tuple(nodes), states=states), graph, moved
    ).verify()


def _moved(graph: Graph) -> set[int]:
    """Quantized uint8 tensors, but for model inputs and outputs that only QUANTIZE or DEQUANTIZE touch."""
    quantized = {i for i, t in enumerate(graph.tensors) if t.dtype == dtypes.UINT8 and t.quant is not None}
    at_edge = set()
    for index in quantized.intersection((*graph.inputs, *graph.outputs)):
        users = [n.op for n in graph.nodes if index in n.inputs or index in n.outputs]
        if users and EDGE.issuperset(users):
            at_edge.add(index)
    return quantized - at_edge


def _fault(position: int, node: Node, graph: Graph, moved: set[int]) -> str | None:
    if not moved.intersection((*node.inputs, *node.outputs)) or form(node.op) is not None:
        return None
    name = graph.output(node).name if node.outputs else ""
    return f"{node.op} (operator {position}, output '{name}')"


def _signed(tensor: Tensor) -> Tensor:
    assert tensor.quant is not None
    quant = Quantization(
        tensor.quant.scale, tuple(z - OFFSET for z in tensor.quant.zero_point), tensor.quant.axis
    )
    data = None if tensor.data is None else (tensor.data ^ np.uint8(OFFSET)).view(np.int8)
    return replace(tensor, dtype=dtypes.INT8, quant=quant, data=data)


def _marked(node: Node) -> Node:
    mark = form(node.op)
    if not mark or mark not in {f.name for f in fields(node.attrs)}:
        return node
    return replace(node, attrs=replace(node.attrs, **{mark: True}))


def _with_interface(graph: Graph, before: Graph, moved: set[int]) -> Graph:
    """Puts uint8 tensors of equal scale in front of moved inputs and behind moved outputs."""
    quantize = ops.registry()["QUANTIZE"].attrs()
    tensors = list(graph.tensors)
    outside: dict[int, int] = {}
    for index in dict.fromkeys((*graph.inputs, *graph.outputs)):
        if index in moved:
            outside[index] = len(tensors)
            tensors.append(before.tensor(index))
            tensors[index] = replace(tensors[index], name=f"{tensors[index].name}_int8")

    def bridge(source: int, target: int) -> Node:
        return Node("QUANTIZE", (source,), (target,), quantize, tensors[target].name)

    entries = [bridge(outside[i], i) for i in dict.fromkeys(graph.inputs) if i in moved]
    exits = [
        bridge(i, outside[i]) for i in dict.fromkeys(graph.outputs) if i in moved and i not in graph.inputs
    ]
    return graph.replace(
        tensors=tuple(tensors),
        nodes=(*entries, *graph.nodes, *exits),
        inputs=tuple(outside.get(i, i) for i in graph.inputs),
        outputs=tuple(outside.get(i, i) for i in graph.outputs),
    )
