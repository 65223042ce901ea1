# SPDX-License-Identifier: Apache-2.0
"""TILE: the input repeated along each axis as often as a constant input says."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, draw_input, draw_shape, same_type, vector
from intarsia.ops.base import Draw, Shape


class Tile(Movement):
    name = "TILE"
    unsigned = ""
    constants = (1,)
    narrow = False

    def options(self, attrs: Attrs) -> Any:
        return schema().TileOptionsT()

    def repeats(self, node: Node, graph: Graph) -> tuple[int, ...]:
        """How often along each axis. Raises ValueError when there is not one positive number for each."""
        repeats = vector(graph, node, 1, len(graph.required(node, 0).shape))
        if any(r < 1 for r in repeats):
            raise ValueError(f"repeats {list(repeats)}")
        return repeats

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        return [tuple(n * r for n, r in zip(shape, self.repeats(node, graph), strict=True))]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        shape, repeats = graph.required(node, 0).shape, self.repeats(node, graph)
        paired = tuple(n for pair in zip(repeats, shape, strict=True) for n in pair)
        single = tuple(n for extent in shape for n in (1, extent))
        return [
            Move(
                0,
                0,
                take=lambda array: np.broadcast_to(array.reshape(single), paired),
                put=lambda array: array.reshape(paired),
            )
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.integer(1, 3)
        x = draw_input(case, draw_shape(draw, rank, 4), ("int8", "float32", "int32"))
        repeats = case.constant(np.array([draw.integer(1, 3) for _ in range(rank)], np.int32))
        return case.graph(self, [x, repeats], Attrs(), same_type(case, x))


OPERATOR = Tile()
