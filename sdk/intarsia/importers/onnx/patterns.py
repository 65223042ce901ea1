# SPDX-License-Identifier: Apache-2.0
"""Groups of float operators that exporters write for one operator of a Graph."""

from __future__ import annotations

import math
from dataclasses import replace

from intarsia.dtypes import FLOAT32
from intarsia.ir import ABSENT, Attrs, Graph, Node

CLOSE = 1e-5


def run(graph: Graph) -> Graph:
    """x * hard_sigmoid(x) as HARD_SWISH, in all the forms that it is written in."""
    finder = _Finder(graph)
    nodes = []
    for node in graph.nodes:
        source = finder.hard_swish(node)
        nodes.append(
            node if source is None else replace(node, op="HARD_SWISH", inputs=(source,), attrs=Attrs())
        )
    return graph.replace(nodes=tuple(nodes)).verify()


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.writers = {index: node for node in graph.nodes for index in node.outputs}

    def hard_swish(self, node: Node) -> int | None:
        """The x of a node that computes x * clip(x / 6 + 1 / 2, 0, 1), or None."""
        for left, right in self._factors(node):
            if self._is_gate(right, left):
                return left
            scaled = self._scaled(node, 1 / 6)
            inner = None if scaled is None else self.writers.get(scaled)
            for x, gate in self._factors(inner) if inner else ():
                if self._is_wide_gate(gate, x):
                    return x
        return None

    def _factors(self, node: Node) -> list[tuple[int, int]]:
        """Both orders of the operands of a product."""
        if node.op != "MUL" or getattr(node.attrs, "activation", "NONE") != "NONE":
            return []
        a, b = node.inputs
        return [(a, b), (b, a)]

    def _is_gate(self, index: int, x: int) -> bool:
        """Whether a tensor is clip(x / 6 + 1 / 2, 0, 1), or clip(x + 3, 0, 6) / 6."""
        node = self.writers.get(index)
        if node is None:
            return False
        if node.op == "RELU_0_TO_1":
            line = self._shifted(node.inputs[0], 0.5)
            writer = None if line is None else self.writers.get(line)
            return writer is not None and self._scaled(writer, 1 / 6) == x
        inner = self._scaled(node, 1 / 6)
        return inner is not None and self._is_wide_gate(inner, x)

    def _is_wide_gate(self, index: int, x: int) -> bool:
        """Whether a tensor is clip(x + 3, 0, 6)."""
        node = self.writers.get(index)
        return node is not None and node.op == "RELU6" and self._shifted(node.inputs[0], 3.0) == x

    def _shifted(self, index: int, by: float) -> int | None:
        """What a tensor is the sum of, beside a number."""
        node = self.writers.get(index)
        return None if node is None or node.op != "ADD" else self._beside(node, by)

    def _scaled(self, node: Node, by: float) -> int | None:
        """What a node multiplies by a number."""
        return self._beside(node, by) if node.op == "MUL" else None

    def _beside(self, node: Node, number: float) -> int | None:
        """The operand of a node whose other operand is a number."""
        for a, b in (node.inputs, node.inputs[::-1]):
            data = self.graph.tensor(b).data if b != ABSENT else None
            if data is None or data.size != 1 or self.graph.tensor(b).dtype != FLOAT32:
                continue
            if math.isclose(float(data.reshape(-1)[0]), number, rel_tol=CLOSE):
                return a
        return None
