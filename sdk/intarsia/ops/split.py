# SPDX-License-Identifier: Apache-2.0
"""SPLIT into equal parts along the axis that a constant input names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import axis_of, draw_input, draw_shape, same_type, scalar
from intarsia.ops._splitting import Splitting
from intarsia.ops.base import Draw


@dataclass(frozen=True)
class SplitAttrs(Attrs):
    parts: int = 1


class Split(Splitting):
    name = "SPLIT"
    unsigned = ""
    batchwise = True
    attrs = SplitAttrs
    data: ClassVar[int] = 1
    constants: ClassVar[tuple[int, ...]] = (0,)

    def parse(self, options: Any) -> SplitAttrs:
        return SplitAttrs(int(options.numSplits))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, SplitAttrs)
        options = schema().SplitOptionsT()
        options.numSplits = attrs.parts
        return options

    def parts(self, node: Node, graph: Graph) -> tuple[int, list[int]]:
        attrs = node.attrs
        assert isinstance(attrs, SplitAttrs)
        shape = graph.required(node, 1).shape
        axis = axis_of(scalar(graph, node, 0), len(shape))
        if attrs.parts < 1 or shape[axis] % attrs.parts:
            raise ValueError(f"cannot split axis {axis} of {list(shape)} into {attrs.parts} equal parts")
        return axis, [shape[axis] // attrs.parts] * attrs.parts

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 1, 2, 3, 5))
        parts, axis = draw.integer(1, 4), draw.integer(0, rank - 1)
        shape = list(draw_shape(draw, rank, 4))
        shape[axis] *= parts
        axis_input = case.constant(np.array(draw.choice((axis, axis - rank)), np.int32))
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        return case.graph(self, [axis_input, x], SplitAttrs(parts), same_type(case, x, parts))


OPERATOR = Split()
