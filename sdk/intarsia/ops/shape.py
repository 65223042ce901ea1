# SPDX-License-Identifier: Apache-2.0
"""SHAPE: the extents of the input, which are known when the model is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Step
from intarsia.ops import _cases
from intarsia.ops._common import IndexType, schema
from intarsia.ops._movement import draw_input, draw_shape, written
from intarsia.ops.base import Draw, Operator, Shape, Values

OUTPUTS: tuple[IndexType, ...] = ("int32", "int64")


@dataclass(frozen=True)
class ShapeAttrs(Attrs):
    """`output`: element type of the extents."""

    output: IndexType = "int32"


class ShapeOf(Operator):
    name = "SHAPE"
    unsigned = ""
    attrs = ShapeAttrs

    def parse(self, options: Any) -> ShapeAttrs:
        types = {getattr(schema().TensorType, name.upper()): name for name in OUTPUTS}
        if options is None:
            return ShapeAttrs()
        if options.outType not in types:
            raise ValueError(f"output type {options.outType} is not supported")
        return ShapeAttrs(types[options.outType])

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, ShapeAttrs)
        options = schema().ShapeOptionsT()
        options.outType = getattr(schema().TensorType, attrs.output.upper())
        return options

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        kind = graph.output(node).dtype.name
        return None if kind == "int32" else f"{kind} output; int32 is supported"

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [(len(graph.required(node, 0).shape),)]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        return [np.array(graph.required(node, 0).shape, graph.output(node).dtype.numpy)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        extents = np.array(graph.required(node, 0).shape, np.int32)
        return [written(node.outputs[0], extents)] if extents.size else []

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        x = draw_input(case, draw_shape(draw, draw.integer(1, 5)), ("int8", "float32", "int32"))
        return case.graph(self, [x], ShapeAttrs(), [("int32", None)])


OPERATOR = ShapeOf()
