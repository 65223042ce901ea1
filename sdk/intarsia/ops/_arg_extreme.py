# SPDX-License-Identifier: Apache-2.0
"""Shared by ARG_MAX and ARG_MIN: the place of the extreme value along one axis, the first of equal ones."""

from __future__ import annotations

import math
from abc import ABC
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.dtypes import BY_NAME
from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import IndexType, schema
from intarsia.ops._movement import axis_of, draw_shape, scalar
from intarsia.ops.base import Draw, Operator, Shape, Values

OUTPUTS: tuple[IndexType, ...] = ("int32", "int64")


@dataclass(frozen=True)
class ArgExtremeAttrs(Attrs):
    """`output`: element type of the indices."""

    output: IndexType = "int32"


class ArgExtreme(Operator, ABC):
    """Inputs: feature map (int8 or float32), constant axis."""

    attrs = ArgExtremeAttrs
    sign: ClassVar[int]
    """1: the largest value, -1: the smallest."""
    options_name: ClassVar[str]

    def parse(self, options: Any) -> ArgExtremeAttrs:
        types = {getattr(schema().TensorType, name.upper()): name for name in OUTPUTS}
        if options.outputType not in types:
            raise ValueError(f"output type {options.outputType} is not supported")
        return ArgExtremeAttrs(types[options.outputType])

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, ArgExtremeAttrs)
        options = getattr(schema(), self.options_name)()
        options.outputType = getattr(schema().TensorType, attrs.output.upper())
        return options

    def axis(self, node: Node, graph: Graph) -> int:
        return axis_of(scalar(graph, node, 1), len(graph.required(node, 0).shape))

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if not graph.required(node, 1).is_constant:
            return "the axis must be constant"
        if source.dtype.name not in ("int8", "float32") or output.dtype.name not in OUTPUTS:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        return None if source.elements else "the input is empty"

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape, axis = graph.required(node, 0).shape, self.axis(node, graph)
        return [(*shape[:axis], *shape[axis + 1 :])]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        ordered = x.astype(np.float64) * self.sign
        return [ordered.argmax(self.axis(node, graph)).astype(graph.output(node).dtype.numpy)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, axis = graph.required(node, 0), self.axis(node, graph)
        params: dict[str, Any] = {
            "outer": math.prod(source.shape[:axis]),
            "extent": source.shape[axis],
            "inner": math.prod(source.shape[axis + 1 :]),
            "sign": float(self.sign) if source.dtype.is_float else self.sign,
        }
        contract = f"arg_max_{source.dtype.code}_{graph.output(node).dtype.code}"
        return [KernelCall("arg_max", contract, params, (node.inputs[0],), node.outputs)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.choice((4, 1, 2, 3))
        x = case.input(draw_shape(draw, rank, 6), draw.choice(("int8", "float32")))
        axis = case.constant(np.array(draw.integer(-rank, rank - 1), np.int32))
        attrs = ArgExtremeAttrs(draw.choice(OUTPUTS))
        return case.graph(self, [x, axis], attrs, [(BY_NAME[attrs.output].name, None)])
