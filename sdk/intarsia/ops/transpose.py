# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE: axes in the order that a constant input gives."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, axis_of, draw_input, draw_shape, same_type, vector
from intarsia.ops.base import Draw, Shape


class Transpose(Movement):
    name = "TRANSPOSE"
    unsigned = ""
    batchwise = True
    constants: ClassVar[tuple[int, ...]] = (1,)

    def options(self, attrs: Attrs) -> Any:
        return schema().TransposeOptionsT()

    def order(self, node: Node, graph: Graph) -> tuple[int, ...]:
        """Input axis of each output axis. Raises ValueError when it is not a permutation."""
        rank = len(graph.required(node, 0).shape)
        axes = tuple(axis_of(axis, rank) for axis in vector(graph, node, 1, rank))
        if len(set(axes)) != rank:
            raise ValueError(f"axes {list(axes)} are not a permutation")
        return axes

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        return [tuple(shape[axis] for axis in self.order(node, graph))]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        order = self.order(node, graph)
        return [Move(0, 0, take=lambda array: array.transpose(order))]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 1, 2, 3, 5, 6))
        x = draw_input(case, draw_shape(draw, rank, 4), ("int8", "float32", "int32", "int16"))
        left, order = list(range(rank)), []
        while left:
            order.append(left.pop(draw.integer(0, len(left) - 1)))
        axes = case.constant(np.array(order, np.int32))
        return case.graph(self, [x, axes], Attrs(), same_type(case, x))


OPERATOR = Transpose()
