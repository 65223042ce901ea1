# SPDX-License-Identifier: Apache-2.0
"""PACK: several tensors of one shape become one along a new axis."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import Move, Movement, View, axis_of, draw_input, draw_shape
from intarsia.ops.base import Draw, Shape


@dataclass(frozen=True)
class PackAttrs(Attrs):
    """`count`: number of inputs; `axis`: the new one, negative ones count from the end of the output."""

    axis: int = 0
    count: int = 1


def at(axis: int, place: int) -> View:
    """View of one place along an axis, without that axis."""
    index = (slice(None),) * axis
    return lambda array: array[(*index, place, Ellipsis)]  # type: ignore[arg-type]


class Pack(Movement):
    name = "PACK"
    unsigned = ""
    attrs = PackAttrs
    narrow = False
    max_rank = 5

    def parse(self, options: Any) -> PackAttrs:
        return PackAttrs(int(options.axis), int(options.valuesCount))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, PackAttrs)
        options = schema().PackOptionsT()
        options.axis, options.valuesCount = attrs.axis, attrs.count
        return options

    def axis(self, node: Node, graph: Graph) -> int:
        assert isinstance(node.attrs, PackAttrs)
        return axis_of(node.attrs.axis, len(graph.required(node, 0).shape) + 1)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        if reason := super().unsupported(node, graph):
            return reason
        first = graph.required(node, 0)
        for position in range(len(node.inputs)):
            part = graph.required(node, position)
            if (part.dtype, part.quant) != (first.dtype, graph.output(node).quant):
                return f"input {position} ('{part.name}') differs from the output in type or quantization"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        assert isinstance(node.attrs, PackAttrs)
        shapes = {graph.required(node, i).shape for i in range(len(node.inputs))}
        if len(shapes) != 1 or len(node.inputs) != node.attrs.count:
            raise ValueError(
                f"{len(node.inputs)} inputs of {len(shapes)} shapes; {node.attrs.count} of one are needed"
            )
        shape, axis = shapes.pop(), self.axis(node, graph)
        return [(*shape[:axis], node.attrs.count, *shape[axis:])]

    def moves(self, node: Node, graph: Graph) -> list[Move]:
        axis = self.axis(node, graph)
        return [Move(i, 0, put=at(axis, i)) for i in range(len(node.inputs))]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank, count = draw.integer(1, 4), draw.integer(1, 4)
        first = draw_input(case, draw_shape(draw, rank, 4), ("int8", "float32", "int32", "int16"))
        tensor, inputs = case.tensors[first], [first]
        inputs += [case.add(replace(tensor, name=f"x{i}")) for i in range(1, count)]
        attrs = PackAttrs(draw.integer(-rank - 1, rank), count)
        return case.graph(self, inputs, attrs, [(tensor.dtype.name, tensor.quant)])


OPERATOR = Pack()
