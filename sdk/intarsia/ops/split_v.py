# SPDX-License-Identifier: Apache-2.0
"""SPLIT_V: parts of the sizes that a constant input lists; one may be -1, the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import axis_of, draw_input, draw_shape, same_type, scalar, vector
from intarsia.ops._splitting import Splitting
from intarsia.ops.base import Draw


@dataclass(frozen=True)
class SplitVAttrs(Attrs):
    parts: int = 1


class SplitV(Splitting):
    name = "SPLIT_V"
    unsigned = ""
    batchwise = True
    attrs = SplitVAttrs
    constants: ClassVar[tuple[int, ...]] = (1, 2)

    def parse(self, options: Any) -> SplitVAttrs:
        return SplitVAttrs(int(options.numSplits))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, SplitVAttrs)
        options = schema().SplitVOptionsT()
        options.numSplits = attrs.parts
        return options

    def parts(self, node: Node, graph: Graph) -> tuple[int, list[int]]:
        attrs = node.attrs
        assert isinstance(attrs, SplitVAttrs)
        shape = graph.required(node, 0).shape
        axis = axis_of(scalar(graph, node, 2), len(shape))
        asked = list(vector(graph, node, 1, attrs.parts))
        rest = shape[axis] - sum(size for size in asked if size != -1)
        sizes = [rest if size == -1 else size for size in asked]
        if asked.count(-1) > 1 or min(sizes, default=-1) < 0 or sum(sizes) != shape[axis]:
            raise ValueError(f"cannot split axis {axis} of {list(shape)} into {asked}")
        return axis, sizes

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 1, 2, 3, 5))
        sizes = [draw.integer(1, 4) for _ in range(draw.integer(1, 4))]
        axis, shape = draw.integer(0, rank - 1), list(draw_shape(draw, rank, 4))
        shape[axis] = sum(sizes)
        if draw.choice((True, False)):
            sizes[draw.integer(0, len(sizes) - 1)] = -1
        x = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
        inputs = [
            x,
            case.constant(np.array(sizes, np.int32)),
            case.constant(np.array(draw.choice((axis, axis - rank)), np.int32)),
        ]
        return case.graph(self, inputs, SplitVAttrs(len(sizes)), same_type(case, x, len(sizes)))


OPERATOR = SplitV()
