# SPDX-License-Identifier: Apache-2.0
"""Lets float32 layers keep weights and feature maps in half precision (IEEE 754 binary16), casts at the borders.

Every operator that says so computes with float16 maps: products and sums in float32, in the same order as for float32,
rounded to nearest even when they are stored. Kernels with half-precision arithmetic round more often; their headers
state how and how far results may differ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.dtypes import FLOAT16, FLOAT32
from intarsia.ir import ABSENT, Attrs, Graph, Node, Tensor

LARGEST = float(np.finfo(np.float16).max)


def run(graph: Graph) -> Graph:
    """The graph with all layers in half precision that can be; inputs and outputs of the network stay as they are.

    Raises OverflowError when a weight is beyond half precision.
    """
    return _Conversion(graph).run()


def converts(node: Node, graph: Graph) -> bool:
    """Whether a node can compute with half precision: its operator can, and it is a float32 node now."""
    maps = [
        graph.tensor(i)
        for i in (*node.inputs, *node.outputs)
        if i != ABSENT and not graph.tensor(i).is_constant
    ]
    return ops.registry()[node.op].half and all(t.dtype == FLOAT32 for t in maps)


class _Conversion:
    """Walks the nodes in order; `_halves` has the float16 twin of each float32 tensor that has one."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors = list(graph.tensors)
        self.nodes: list[Node] = []
        self._halves: dict[int, int] = {}
        self._made: set[int] = set()

    def run(self) -> Graph:
        chosen = [converts(node, self.graph) for node in self.graph.nodes]
        for node, half in zip(self.graph.nodes, chosen, strict=True):
            self._half_node(node) if half else self._real_node(node)
        for index in self.graph.outputs:
            self._real(index)
        return self.graph.replace(tensors=tuple(self.tensors), nodes=tuple(self.nodes)).verify()

    def _half_node(self, node: Node) -> None:
        rule = ops.registry()[node.op].weights
        bias = rule.bias if rule else None
        inputs = tuple(
            i if i == ABSENT or position == bias or self.tensors[i].dtype != FLOAT32 else self._half(i)
            for position, i in enumerate(node.inputs)
        )
        outputs = tuple(self._twin(i) for i in node.outputs)
        self._made.update(node.outputs)
        self.nodes.append(replace(node, inputs=inputs, outputs=outputs))

    def _real_node(self, node: Node) -> None:
        for index in node.inputs:
            self._real(index)
        self.nodes.append(node)

    def _half(self, index: int) -> int:
        """The float16 twin of a tensor, cast from it if nothing makes it in half precision."""
        tensor = self.tensors[index]
        if index in self._halves:
            return self._halves[index]
        twin = self._twin(index)
        if tensor.data is None:
            self.nodes.append(Node("CAST", (index,), (twin,), Attrs(), f"{tensor.name}/half"))
        return twin

    def _twin(self, index: int) -> int:
        tensor = self.tensors[index]
        if index not in self._halves:
            self._halves[index] = len(self.tensors)
            self.tensors.append(_narrowed(tensor))
        return self._halves[index]

    def _real(self, index: int) -> None:
        """Casts a tensor back that was made in half precision, once."""
        if index in self._made:
            self._made.discard(index)
            name = f"{self.tensors[index].name}/real"
            self.nodes.append(Node("CAST", (self._halves[index],), (index,), Attrs(), name))


def _narrowed(tensor: Tensor) -> Tensor:
    data = tensor.data
    if data is not None:
        if np.abs(data).max(initial=0.0) > LARGEST:
            raise OverflowError(f"'{tensor.name}' has values beyond half precision")
        data = data.astype(np.float16)
    return replace(tensor, name=f"{tensor.name}/f16", dtype=FLOAT16, data=data)
