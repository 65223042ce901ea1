# SPDX-License-Identifier: Apache-2.0
"""RESHAPE: the target shape comes from a constant input, or from the options where that is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._aliases import ShapeChange
from intarsia.ops._common import schema
from intarsia.ops._movement import draw_input, draw_shape, same_type
from intarsia.ops.base import Draw, Shape

MAX_RANK = 8


@dataclass(frozen=True)
class ReshapeAttrs(Attrs):
    """`new_shape` counts only where the node has no shape input; None when the file gives none."""

    new_shape: tuple[int, ...] | None = None


class Reshape(ShapeChange):
    name = "RESHAPE"
    unsigned = ""
    batchwise = True
    attrs = ReshapeAttrs

    def parse(self, options: Any) -> ReshapeAttrs:
        if options is None or options.newShape is None:
            return ReshapeAttrs()
        return ReshapeAttrs(tuple(int(v) for v in options.newShape))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, ReshapeAttrs)
        if attrs.new_shape is None:
            return None
        options = schema().ReshapeOptionsT()
        options.newShape = np.array(attrs.new_shape, np.int32)
        return options

    def target(self, node: Node, graph: Graph) -> tuple[int, ...]:
        """The shape that is asked for, -1 included. Raises ValueError when it is missing or not constant."""
        attrs = node.attrs
        assert isinstance(attrs, ReshapeAttrs)
        operand = graph.operand(node, 1)
        if operand is not None and len(operand.shape) == 1 and operand.dtype.name == "int32":
            if operand.data is None:
                raise ValueError("the target shape must be constant")
            return tuple(int(v) for v in operand.data)
        if attrs.new_shape is None:
            raise ValueError("no target shape is given")
        if attrs.new_shape == (0,):
            return ()  # how old converters wrote the shape of a scalar
        return attrs.new_shape

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [_resolve(graph.required(node, 0).shape, self.target(node, graph))]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape = draw_shape(draw, draw.integer(1, 5))
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        target = list(draw.choice((shape[::-1], (math.prod(shape),), (1, *shape), (*shape, 1))))
        if draw.choice((True, False)):
            target[draw.integer(0, len(target) - 1)] = -1
        if draw.choice((True, False)):
            shape_input = case.constant(np.array(target, np.int32))
            return case.graph(self, [x, shape_input], ReshapeAttrs(), same_type(case, x))
        return case.graph(self, [x], ReshapeAttrs(tuple(target)), same_type(case, x))


def _resolve(shape: Sequence[int], target: Sequence[int]) -> Shape:
    """The target with its one -1 replaced. Raises ValueError when the element counts differ."""
    if len(target) > MAX_RANK:
        raise ValueError(f"target shape {list(target)} has more than {MAX_RANK} dimensions")
    free = [i for i, extent in enumerate(target) if extent == -1]
    if len(free) > 1 or any(extent < -1 for extent in target):
        raise ValueError(f"target shape {list(target)} is not a shape")
    known, elements = math.prod(e for e in target if e != -1), math.prod(shape)
    missing = elements // known if known else 0
    result = tuple(missing if extent == -1 else extent for extent in target)
    if math.prod(result) != elements:
        raise ValueError(f"cannot reshape {list(shape)} to {list(target)}")
    return result


OPERATOR = Reshape()
