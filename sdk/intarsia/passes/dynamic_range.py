# SPDX-License-Identifier: Apache-2.0
"""Models with float activations and integer weights ("dynamic range") get the weights' float32 values.

The interpreter quantizes the activations of such layers anew at every inference; here they stay float32,
until the `quantize` stage gives the whole model integers.
"""

from __future__ import annotations

from dataclasses import replace

from intarsia import dtypes, ops
from intarsia.ir import Graph, Node, Tensor
from intarsia.passes.fold_constants import dequantized


def run(graph: Graph) -> Graph:
    tensors = list(graph.tensors)
    made: dict[int, int] = {}
    nodes = []
    for node in graph.nodes:
        index = _hybrid_weights(node, graph)
        if index is None:
            nodes.append(node)
            continue
        if index not in made:
            real = dequantized(graph.tensor(index))
            made[index] = len(tensors)
            tensors.append(replace(graph.tensor(index), dtype=dtypes.FLOAT32, quant=None, data=real))
        inputs = tuple(made[index] if i == index else i for i in node.inputs)
        nodes.append(replace(node, inputs=inputs))
    return graph.replace(tensors=tuple(tensors), nodes=tuple(nodes)).verify()


def _hybrid_weights(node: Node, graph: Graph) -> int | None:
    """Index of the node's integer weights when its activations are float32."""
    operator = ops.get(node.op)
    if operator is None or operator.weights is None:
        return None
    source, position = graph.operand(node, 0), operator.weights.weights
    weights = graph.operand(node, position)
    if source is None or weights is None or source.dtype != dtypes.FLOAT32 or not _is_weight(weights):
        return None
    return node.inputs[position]


def _is_weight(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.quant is not None and tensor.dtype in (dtypes.INT8, dtypes.UINT8)
