# SPDX-License-Identifier: Apache-2.0
"""SLICE: a box given by constant begins and sizes; a size of -1 reaches to the end."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, draw_input, draw_shape, same_type, vector
from intarsia.ops.base import Draw, Shape


class Slice(Movement):
    name = "SLICE"
    unsigned = ""
    batchwise = True
    constants: ClassVar[tuple[int, ...]] = (1, 2)
    max_rank: ClassVar[int] = 5

    def options(self, attrs: Attrs) -> Any:
        return schema().SliceOptionsT()

    def box(self, node: Node, graph: Graph) -> tuple[slice, ...]:
        """Raises ValueError when the box leaves the input."""
        shape = graph.required(node, 0).shape
        begins, sizes = vector(graph, node, 1, len(shape)), vector(graph, node, 2, len(shape))
        stops = [e if s == -1 else b + s for e, b, s in zip(shape, begins, sizes, strict=True)]
        for extent, begin, stop in zip(shape, begins, stops, strict=True):
            if not 0 <= begin <= stop <= extent:
                raise ValueError(f"box at {list(begins)} of {list(sizes)} leaves an input of {list(shape)}")
        return tuple(slice(b, s) for b, s in zip(begins, stops, strict=True))

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [tuple(s.stop - s.start for s in self.box(node, graph))]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        box = self.box(node, graph)
        return [Move(0, 0, take=lambda array: array[box])]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape = draw_shape(draw, draw.choice((4, 1, 2, 3, 5)))
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        begins = [draw.integer(0, extent - 1) for extent in shape]
        sizes = [
            draw.choice((-1, draw.integer(1, extent - begin)))
            for extent, begin in zip(shape, begins, strict=True)
        ]
        inputs = [x, case.constant(np.array(begins, np.int32)), case.constant(np.array(sizes, np.int32))]
        return case.graph(self, inputs, Attrs(), same_type(case, x))


OPERATOR = Slice()
