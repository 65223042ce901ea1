# SPDX-License-Identifier: Apache-2.0
"""GATHER: slices along one axis, in the order that indices say; data, indices or none of both constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.dtypes import INT32
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._movement import MOVABLE, axis_of, draw_input, draw_shape, same_type
from intarsia.ops.base import Draw, Operator, OutputRange, Shape, Values


@dataclass(frozen=True)
class GatherAttrs(Attrs):
    """The first `batch_dims` axes of data and indices run together."""

    axis: int = 0
    batch_dims: int = 0


class Gather(Operator):
    """Inputs: data, int32 indices. On a board, indices beyond the axis give its nearest slice."""

    name = "GATHER"
    unsigned = ""
    attrs = GatherAttrs
    output_range = OutputRange("input")

    def parse(self, options: Any) -> GatherAttrs:
        return GatherAttrs() if options is None else GatherAttrs(int(options.axis), int(options.batchDims))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, GatherAttrs)
        options = schema().GatherOptionsT()
        options.axis, options.batchDims = attrs.axis, attrs.batch_dims
        return options

    def places(self, node: Node, graph: Graph) -> tuple[int, int]:
        """Axis and batch dimensions, both >= 0. Raises ValueError when data and indices do not have them."""
        assert isinstance(node.attrs, GatherAttrs)
        data, indices = graph.required(node, 0).shape, graph.required(node, 1).shape
        batch = node.attrs.batch_dims + (len(indices) if node.attrs.batch_dims < 0 else 0)
        axis = axis_of(node.attrs.axis, len(data))
        if not 0 <= batch <= min(len(indices), axis) or data[:batch] != indices[:batch]:
            raise ValueError(f"{batch} batch dimensions of {list(data)} and indices {list(indices)}")
        return axis, batch

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        data, indices, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        if data.dtype.name not in MOVABLE or data.dtype.is_packed or data.dtype != out.dtype:
            return f"{data.dtype.name} data with {out.dtype.name} output"
        if indices.dtype != INT32:
            return f"{indices.dtype.name} indices; int32 is supported"
        extent = data.shape[self.places(node, graph)[0]]
        if indices.data is not None and indices.elements:
            low, high = int(indices.data.min()), int(indices.data.max())
            if low < 0 or high >= extent:
                return f"indices from {low} to {high} along an axis of {extent}"
        return "both inputs are constant" if data.is_constant and indices.is_constant else None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        axis, batch = self.places(node, graph)
        data, indices = graph.required(node, 0).shape, graph.required(node, 1).shape
        return [(*data[:axis], *indices[batch:], *data[axis + 1 :])]

    def extents(self, node: Node, graph: Graph) -> tuple[int, int, int, int, int]:
        """Data as [batch, outer, extent, inner], and indices as [batch, count]."""
        axis, batch = self.places(node, graph)
        data, indices = graph.required(node, 0).shape, graph.required(node, 1).shape
        return (
            math.prod(data[:batch]),
            math.prod(data[batch:axis]),
            data[axis],
            math.prod(data[axis + 1 :]),
            math.prod(indices[batch:]),
        )

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        data, indices = values[0], values[1]
        assert data is not None
        assert indices is not None
        batch, outer, extent, inner, count = self.extents(node, graph)
        blocks = data.reshape(batch, outer, extent, inner)
        chosen = np.clip(indices.reshape(batch, count), 0, extent - 1)
        parts = [block[:, row] for block, row in zip(blocks, chosen, strict=True)]
        return [np.stack(parts).reshape(self.infer(node, graph)[0])]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        data, indices = graph.required(node, 0), graph.required(node, 1)
        batch, outer, extent, inner, count = self.extents(node, graph)
        size = inner * data.dtype.bytes
        params: dict[str, Any] = {
            "batch": batch,
            "outer": outer,
            "extent": extent,
            "count": count,
            "bytes": size,
        }
        if data.data is not None:
            constants, inputs = (Constant("table", data.data),), (node.inputs[1],)
            return [KernelCall("gather", "gather_table", params, inputs, node.outputs, constants)]
        if indices.data is not None:
            constants, inputs = (Constant("indices", indices.data),), (node.inputs[0],)
            return [KernelCall("gather", "gather", params, inputs, node.outputs, constants)]
        return [KernelCall("gather", "gather", params, node.inputs[:2], node.outputs)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        rank = draw.integer(1, 4)
        shape = draw_shape(draw, rank, 5)
        axis = draw.integer(0, rank - 1)
        batch = draw.integer(0, axis) if draw.choice((False, True)) else 0
        count = draw.choice(((3,), (), (2, 2), (1,)))
        chosen = draw.array((*shape[:batch], *count), 0, shape[axis] - 1).astype(np.int32)
        table = batch == 0 and draw.choice((False, False, True))
        if table:
            data = case.constant(draw.array(shape, -100, 100).astype(np.float32))
            indices = case.add(Tensor("i", chosen.shape, INT32))
        else:
            data = draw_input(case, shape, ("int8", "float32", "int32", "int16"))
            indices = case.constant(chosen)
        attrs = GatherAttrs(draw.choice((axis, axis - rank)), batch)
        return case.graph(self, [data, indices], attrs, same_type(case, data))


OPERATOR = Gather()
