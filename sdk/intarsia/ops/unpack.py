# SPDX-License-Identifier: Apache-2.0
"""UNPACK: one output for each place along an axis, which disappears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, axis_of, draw_input, draw_shape, same_type
from intarsia.ops.base import Draw, Shape
from intarsia.ops.pack import at


@dataclass(frozen=True)
class UnpackAttrs(Attrs):
    """`count`: number of outputs."""

    axis: int = 0
    count: int = 1


class Unpack(Movement):
    name = "UNPACK"
    unsigned = ""
    attrs = UnpackAttrs
    narrow = False

    def parse(self, options: Any) -> UnpackAttrs:
        return UnpackAttrs(int(options.axis), int(options.num))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, UnpackAttrs)
        options = schema().UnpackOptionsT()
        options.axis, options.num = attrs.axis, attrs.count
        return options

    def axis(self, node: Node, graph: Graph) -> int:
        assert isinstance(node.attrs, UnpackAttrs)
        return axis_of(node.attrs.axis, len(graph.required(node, 0).shape))

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        assert isinstance(node.attrs, UnpackAttrs)
        shape, axis = graph.required(node, 0).shape, self.axis(node, graph)
        if shape[axis] != node.attrs.count:
            raise ValueError(f"{node.attrs.count} outputs for axis {axis} of {list(shape)}")
        return [(*shape[:axis], *shape[axis + 1 :])] * node.attrs.count

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        axis, count = self.axis(node, graph), len(node.outputs)
        return [Move(0, i, take=at(axis, i)) for i in range(count)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.integer(1, 4)
        shape = draw_shape(draw, rank, 4)
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        axis = draw.integer(-rank, rank - 1)
        count = shape[axis]
        return case.graph(self, [x], UnpackAttrs(axis, count), same_type(case, x, count))


OPERATOR = Unpack()
