# SPDX-License-Identifier: Apache-2.0
"""Lets float32 layers keep weights and feature maps in half precision (IEEE 754 binary16), casts at the borders.

Every operator that says so computes with float16 maps: products and sums in float32, in the same order as for float32,
rounded to nearest even when they are stored. Kernels with half-precision arithmetic round more often; their headers
state how and how far results may differ.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from intarsia import ops
from intarsia.dtypes import FLOAT16, FLOAT32, INT8
from intarsia.ir import ABSENT, Attrs, Graph, Node, Tensor

SUFFIX = "/f16"
"""Behind the names of tensors in half precision."""
LARGEST = float(np.finfo(np.float16).max)


def run(graph: Graph, names: Collection[str] | None = None) -> Graph:
    """The graph with all layers in half precision that can be; inputs and outputs of the network stay as they are.

    With `names`, only layers that make one of these tensors. Raises OverflowError when a weight is beyond half
    precision.
    """
    return _Conversion(graph, names).run()


def converts(node: Node, graph: Graph) -> bool:
    """Whether a node can compute with half precision: its operator can, and it is a float32 node now."""
    maps = [
        graph.tensor(i)
        for i in (*node.inputs, *node.outputs)
        if i != ABSENT and not graph.tensor(i).is_constant
    ]
    return ops.registry()[node.op].half and all(t.dtype == FLOAT32 for t in maps)


def holds(node: Node, graph: Graph) -> bool:
    """Whether half precision holds the constants of a node."""
    constants = [graph.tensor(i).data for i in node.inputs if i != ABSENT]
    return all(_fits(data) for data in constants if data is not None and data.dtype == np.float32)


def _fits(data: np.ndarray) -> bool:
    return bool(np.abs(data).max(initial=0.0) <= LARGEST)


class _Conversion:
    """Walks the nodes in order; `_halves` has the float16 twin of each float32 tensor that has one.

    Codes become halves, and halves codes, without float32 in between. `_native` are tensors that are made in half
    precision, `_made` those of them that nothing has cast back, `_made_by` has the node of all others.
    """

    def __init__(self, graph: Graph, names: Collection[str] | None) -> None:
        self.graph, self.names = graph, names
        self.tensors = list(graph.tensors)
        self.nodes: list[Node] = []
        self._halves: dict[int, int] = {}
        self._made: set[int] = set()
        self._made_by: dict[int, Node] = {}
        self._native: set[int] = set()

    def run(self) -> Graph:
        chosen = [converts(node, self.graph) and self._wanted(node) for node in self.graph.nodes]
        for node, half in zip(self.graph.nodes, chosen, strict=True):
            self._half_node(node) if half else self._real_node(node)
        for index in self.graph.outputs:
            self._real(index)
        return self.graph.replace(tensors=tuple(self.tensors), nodes=tuple(self.nodes)).verify()

    def _wanted(self, node: Node) -> bool:
        return self.names is None or self.graph.output(node).name in self.names

    def _half_node(self, node: Node) -> None:
        rule = ops.registry()[node.op].weights
        bias = rule.bias if rule else None
        inputs = tuple(
            i if i == ABSENT or position == bias or self.tensors[i].dtype != FLOAT32 else self._half(i)
            for position, i in enumerate(node.inputs)
        )
        outputs = tuple(self._twin(i) for i in node.outputs)
        self._made.update(node.outputs)
        self._native.update(node.outputs)
        self.nodes.append(replace(node, inputs=inputs, outputs=outputs))

    def _real_node(self, node: Node) -> None:
        if node.op == "QUANTIZE" and node.inputs[0] in self._native and self.graph.output(node).dtype == INT8:
            node = replace(node, inputs=(self._halves[node.inputs[0]],))
        for index in node.inputs:
            self._real(index)
        self._made_by.update(dict.fromkeys(node.outputs, node))
        self.nodes.append(node)

    def _half(self, index: int) -> int:
        """The float16 twin of a tensor, cast from it if nothing makes it in half precision."""
        tensor = self.tensors[index]
        if index in self._halves:
            return self._halves[index]
        twin = self._twin(index)
        if tensor.data is None:
            maker = self._made_by.get(index)
            codes = (
                maker is not None and maker.op == "DEQUANTIZE" and self.tensors[maker.inputs[0]].dtype == INT8
            )
            op, source = ("DEQUANTIZE", maker.inputs[0]) if maker is not None and codes else ("CAST", index)
            self.nodes.append(Node(op, (source,), (twin,), Attrs(), f"{tensor.name}/half"))
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
        if not _fits(data):
            raise OverflowError(f"'{tensor.name}' has values beyond half precision")
        data = data.astype(np.float16)
    return replace(tensor, name=f"{tensor.name}{SUFFIX}", dtype=FLOAT16, data=data)
