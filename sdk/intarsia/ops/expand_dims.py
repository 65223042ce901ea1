# SPDX-License-Identifier: Apache-2.0
"""EXPAND_DIMS: puts an axis of extent 1 before the axis that a constant input names."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._aliases import ShapeChange
from intarsia.ops._common import schema
from intarsia.ops._movement import axis_of, draw_input, draw_shape, same_type, scalar
from intarsia.ops.base import Draw, Shape


class ExpandDims(ShapeChange):
    name = "EXPAND_DIMS"
    unsigned = ""

    def options(self, attrs: Attrs) -> Any:
        return schema().ExpandDimsOptionsT()

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape = graph.required(node, 0).shape
        axis = axis_of(scalar(graph, node, 1), len(shape) + 1)
        return [(*shape[:axis], 1, *shape[axis:])]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.integer(1, 4)
        x = draw_input(case, draw_shape(draw, rank), ("int8", "float32", "int32"))
        axis = case.constant(np.array([draw.integer(-rank - 1, rank)], np.int32))
        return case.graph(self, [x, axis], Attrs(), same_type(case, x))


OPERATOR = ExpandDims()
