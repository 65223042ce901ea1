# SPDX-License-Identifier: Apache-2.0
"""MEAN over any axes: int8 and float32.

Inputs: feature map, constant axes (negative ones count from the end, repeated ones count once). int8 follows
TFLite QuantizedMeanOrSum: 1 / cells is folded into the multiplier, which is rounded down.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.fixedpoint import Requantization, quantize_multiplier
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._convolution import scale_reason
from intarsia.ops.base import Draw, Operator, Shape, Values

MAX_CELLS = 1 << 23
"""Cells of one average whose sum, zero point taken off, fits int32."""


@dataclass(frozen=True)
class MeanAttrs(Attrs):
    keep_dims: bool = False


class Mean(Operator):
    name = "MEAN"
    attrs = MeanAttrs

    def parse(self, options: Any) -> MeanAttrs:
        return MeanAttrs(bool(options.keepDims))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, MeanAttrs)
        options = schema().ReducerOptionsT()
        options.keepDims = attrs.keep_dims
        return options

    @staticmethod
    def axes(node: Node, graph: Graph) -> tuple[int, ...]:
        """The reduced axes, ascending. Raises ValueError when there is one that the input does not have."""
        rank = len(graph.required(node, 0).shape)
        axes = [int(a) for a in graph.constant(node, 1).reshape(-1)]
        if any(not -rank <= a < rank for a in axes):
            raise ValueError(f"axes {axes} of an input with {rank} dimensions")
        return tuple(sorted({a % rank for a in axes}))

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        assert isinstance(node.attrs, MeanAttrs)
        axes, shape = self.axes(node, graph), graph.required(node, 0).shape
        if node.attrs.keep_dims:
            return [tuple(1 if i in axes else n for i, n in enumerate(shape))]
        return [tuple(n for i, n in enumerate(shape) if i not in axes)]

    def cells(self, node: Node, graph: Graph) -> int:
        """Elements of one average."""
        shape = graph.required(node, 0).shape
        return math.prod(shape[a] for a in self.axes(node, graph))

    def folded(self, node: Node, graph: Graph) -> list[int] | None:
        """The input's shape as extents [kept, reduced, kept, reduced, kept]; None when that is too few."""
        axes, shape = self.axes(node, graph), graph.required(node, 0).shape
        dims = [(i in axes, n) for i, n in enumerate(shape) if n != 1]
        groups = [
            (reduced, math.prod(n for _, n in group))
            for reduced, group in itertools.groupby(dims, lambda d: d[0])
        ]
        if groups and groups[0][0]:
            groups.insert(0, (False, 1))
        extents = [n for _, n in groups]
        return extents + [1] * (5 - len(extents)) if len(extents) <= 5 else None

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if not graph.required(node, 1).is_constant:
            return "the axes must be constant"
        if source.dtype.name not in ("int8", "float32") or output.dtype != source.dtype:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        if source.elements == 0:
            return "the input is empty"
        if self.folded(node, graph) is None:
            return f"axes {list(self.axes(node, graph))} of {list(source.shape)} are scattered too much"
        if source.dtype.is_float:
            return None
        return self._quantization_reason(node, graph)

    def _quantization_reason(self, node: Node, graph: Graph) -> str | None:
        if reason := scale_reason(graph.required(node, 0), graph.output(node)):
            return reason
        cells = self.cells(node, graph)
        if cells > MAX_CELLS:
            return f"an average of {cells} elements"
        shift = max(self.requant(node, graph).shift[0], 0)
        if shift > 30 or 255 * cells << shift >= 1 << 31:
            return "the scale of the output is too small"
        return None

    def requant(self, node: Node, graph: Graph) -> Requantization:
        """Factor scale_in / scale_out / cells, as TFLite forms it."""
        source, output, cells = graph.required(node, 0), graph.output(node), self.cells(node, graph)
        multiplier, shift = quantize_multiplier(source.scale / output.scale)
        gained = min(cells.bit_length() - 1, 32, 31 + shift)
        multiplier = (multiplier << gained) // cells
        return Requantization((multiplier,), (shift - gained,), output.zero_point, -128, 127)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        axes, (shape,) = self.axes(node, graph), self.infer(node, graph)
        kept = [i for i in range(x.ndim) if i not in axes]
        rows = x.transpose(*axes, *kept).reshape(self.cells(node, graph), -1)
        if x.dtype == np.float32:
            total = np.zeros(rows.shape[1], np.float32)
            for row in rows:
                total += row
            return [(total / np.float32(rows.shape[0])).reshape(shape)]
        total = (rows.astype(np.int64) - graph.required(node, 0).zero_point).sum(axis=0)
        return [self.requant(node, graph).apply(total).astype(np.int8).reshape(shape)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, folded = graph.required(node, 0), self.folded(node, graph)
        assert folded is not None
        names = ("kept_0", "reduced_0", "kept_1", "reduced_1", "kept_2")
        params: dict[str, Any] = dict(zip(names, folded, strict=True))
        if source.dtype.is_integer:
            requant = self.requant(node, graph)
            params |= {
                "in_zero": source.zero_point,
                "multiplier": requant.multiplier[0],
                "shift": requant.shift[0],
                "out_zero": requant.zero_point,
            }
        contract = f"mean_{source.dtype.code}"
        return [KernelCall("mean", contract, params, (node.inputs[0],), node.outputs)]

    def cases(self, draw: Draw) -> Graph:
        shape = tuple(draw.integer(1, 7) for _ in range(draw.choice((4, 4, 3, 2, 1))))
        options = [
            (1, 2),
            (2, 1),
            (-2, -3),
            (3,),
            (-1,),
            (0,),
            (0, 2),
            (1, 3),
            (1, 1),
            (0, 1, 2, 3),
            (1, 2, 3),
        ]
        axes = draw.choice([a for a in options if all(-len(shape) <= i < len(shape) for i in a)])
        case = _cases.Case(draw)
        x = case.input(shape, draw.choice(("int8", "float32")))
        source = case.tensors[x]
        quant = source.quant
        if quant is not None and draw.choice((True, False)):
            scale = float(
                np.float32(source.scale * 2.0 ** draw.integer(-2, 2) * (0.7 + draw.integer(0, 60) / 100))
            )
            quant = Quantization((scale,), (case.zero_point(source.dtype),))
        inputs = [x, case.constant(np.array(axes, np.int32))]
        return case.graph(self, inputs, MeanAttrs(draw.choice((True, False))), [(source.dtype.name, quant)])


OPERATOR = Mean()
