# SPDX-License-Identifier: Apache-2.0
"""BROADCAST_TO: the input repeated along its axes of 1, and along new ones in front, up to a constant shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import broadcast_shape
from intarsia.ops._movement import Move, Movement, draw_input, draw_shape, same_type
from intarsia.ops.base import Draw, Shape


class BroadcastTo(Movement):
    name = "BROADCAST_TO"
    version = 2
    unsigned = ""
    constants = (1,)
    narrow = False

    def options(self, attrs: Attrs) -> Any:
        return schema().BroadcastToOptionsT()

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        """Raises ValueError when the input does not go into the shape."""
        source = graph.required(node, 0).shape
        wanted = tuple(int(n) for n in graph.constant(node, 1).reshape(-1))
        if any(n < 1 for n in wanted) or broadcast_shape(source, wanted) != wanted:
            raise ValueError(f"{list(source)} does not go into {list(wanted)}")
        return [wanted]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        (wanted,) = self.infer(node, graph)
        return [Move(0, 0, take=lambda array: np.broadcast_to(array, wanted), put=lambda array: array)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        wanted = draw_shape(draw, draw.integer(1, 4), 4)
        shape = tuple(
            1 if draw.choice((True, False)) else n for n in wanted[draw.integer(0, len(wanted) - 1) :]
        )
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        return case.graph(self, [x, case.constant(np.array(wanted, np.int32))], Attrs(), same_type(case, x))


OPERATOR = BroadcastTo()
