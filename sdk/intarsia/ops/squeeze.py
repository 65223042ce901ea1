# SPDX-License-Identifier: Apache-2.0
"""SQUEEZE: drops axes of extent 1, all of them or those that the options name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.ops import _cases
from intarsia.ops._aliases import ShapeChange
from intarsia.ops._common import schema
from intarsia.ops._movement import axis_of, draw_input, same_type
from intarsia.ops.base import Draw, Shape


@dataclass(frozen=True)
class SqueezeAttrs(Attrs):
    """`axes` may be negative; none means every axis of extent 1."""

    axes: tuple[int, ...] = ()


class Squeeze(ShapeChange):
    name = "SQUEEZE"
    unsigned = ""
    batchwise = True
    attrs = SqueezeAttrs

    def parse(self, options: Any) -> SqueezeAttrs:
        if options is None or options.squeezeDims is None:
            return SqueezeAttrs()
        return SqueezeAttrs(tuple(int(v) for v in options.squeezeDims))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, SqueezeAttrs)
        options = schema().SqueezeOptionsT()
        options.squeezeDims = np.array(attrs.axes, np.int32)
        return options

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        attrs = node.attrs
        assert isinstance(attrs, SqueezeAttrs)
        shape = graph.required(node, 0).shape
        if not attrs.axes:
            return [tuple(extent for extent in shape if extent != 1)]
        axes = {axis_of(axis, len(shape)) for axis in attrs.axes}
        for axis in sorted(axes):
            if shape[axis] != 1:
                raise ValueError(f"axis {axis} of shape {list(shape)} is not of extent 1")
        return [tuple(extent for axis, extent in enumerate(shape) if axis not in axes)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape = tuple(draw.choice((1, 3, 2)) for _ in range(draw.integer(1, 5)))
        ones = [axis for axis, extent in enumerate(shape) if extent == 1]
        axes: tuple[int, ...] = ()
        if ones and draw.choice((True, False)):
            axis = draw.choice(ones)
            axes = (draw.choice((axis, axis - len(shape))),)
        x = draw_input(case, shape, ("int8", "float32", "int32"))
        return case.graph(self, [x], SqueezeAttrs(axes), same_type(case, x))


OPERATOR = Squeeze()
