# SPDX-License-Identifier: Apache-2.0
"""Computes, once and on the host, what depends on constants alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.check import fault
from intarsia.ir import ABSENT, Graph, Node, Tensor

SHAPE_ONLY = frozenset({"SHAPE"})
"""Operators whose outputs depend on their inputs' shapes, which are constant."""

LARGEST = 1 << 24
"""Elements of the largest constant that is made: more than any board's flash holds."""


def run(graph: Graph) -> Graph:
    """Replaces nodes of constant inputs by constants.

    Nodes that do not compute (malformed, unsupported) stay for the check that names them. So do those that
    write a graph output or a state: that is memory which somebody must write.
    """
    tensors, nodes = list(graph.tensors), []
    for node in graph.nodes:
        current = graph.replace(tensors=tuple(tensors))
        results = None if set(node.outputs) & set(graph.results) else _fold(node, current)
        if results is None:
            nodes.append(node)
            continue
        for index, data in zip(node.outputs, results, strict=True):
            tensors[index] = replace(tensors[index], data=data)
    return graph.replace(tensors=tuple(tensors), nodes=tuple(nodes)).verify()


def _fold(node: Node, graph: Graph) -> list[np.ndarray] | None:
    """Constant outputs of a node, or None when it has none."""
    operands = [None if i == ABSENT else graph.tensor(i) for i in node.inputs]
    outputs = [graph.tensor(i) for i in node.outputs]
    constant = node.op in SHAPE_ONLY or all(t is None or t.is_constant for t in operands)
    if not constant or max((t.elements for t in outputs), default=LARGEST + 1) > LARGEST:
        return None
    if node.op == "DEQUANTIZE" and operands and operands[0] is not None:
        real = dequantized(operands[0])
        results = None if real is None else [real]
    else:
        results = _computed(node, graph, operands)
    if results is None or [_kind(r) for r in results] != [(t.shape, t.dtype.numpy) for t in outputs]:
        return None
    return results


def _computed(node: Node, graph: Graph, operands: Sequence[Tensor | None]) -> list[np.ndarray] | None:
    """What the operator's reference gives, or None when the node cannot be run."""
    if fault(node, graph):
        return None
    with np.errstate(all="ignore"):
        return ops.registry()[node.op].reference(node, graph, [_value(tensor) for tensor in operands])


def _kind(array: np.ndarray) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    return array.shape, array.dtype


def _value(tensor: Tensor | None) -> np.ndarray | None:
    if tensor is None:
        return None
    return tensor.data if tensor.data is not None else np.zeros(tensor.shape, tensor.dtype.numpy)


def dequantized(tensor: Tensor) -> np.ndarray | None:
    """float32 values of a constant: float16 widened, codes as (code - zero point) * scale in float32.

    Scales per channel run along the quantization's axis. None when the constant has no real value.
    """
    data, quant = tensor.data, tensor.quant
    if data is None:
        return None
    if tensor.dtype.is_float:
        return data.astype(np.float32)
    if quant is None or not tensor.dtype.is_integer:
        return None
    shape = [1] * data.ndim
    if quant.per_channel:
        shape[quant.axis] = len(quant.scale)
    scale = np.array(quant.scale, np.float32).reshape(shape)
    zero = np.array(quant.zero_point, np.int64).reshape(shape)
    with np.errstate(over="ignore"):
        return (data.astype(np.int64) - zero).astype(np.float32) * scale
