# SPDX-License-Identifier: Apache-2.0
"""What MEAN, SUM, REDUCE_MAX and REDUCE_MIN share: axes, shapes, folding into alternating extents.

Inputs: feature map, constant axes (negative ones count from the end, repeated ones count once).
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._convolution import scale_reason
from intarsia.ops.base import Draw, Operator, Shape, Values

CASE_AXES = ((1, 2), (2, 1), (-2, -3), (3,), (-1,), (0,), (0, 2), (1, 3), (1, 1), (0, 1, 2, 3), (1, 2, 3))


@dataclass(frozen=True)
class ReductionAttrs(Attrs):
    keep_dims: bool = False


class Reduction(Operator, ABC):
    """Base: subclasses reduce rows [cells, results] and say what the kernel is."""

    attrs = ReductionAttrs
    types: ClassVar[tuple[str, ...]] = ("int8", "float32")

    @abstractmethod
    def reduced(self, node: Node, graph: Graph, rows: np.ndarray) -> np.ndarray:
        """Results for the elements [cells, results], in memory order along the first axis."""

    @abstractmethod
    def kernel(self, node: Node, graph: Graph) -> tuple[str, str, dict[str, Any]]:
        """Folder, contract and parameters beside the extents."""

    @abstractmethod
    def quantization_reason(self, node: Node, graph: Graph) -> str | None:
        """Why the quantization of an integer node cannot be run, or None."""

    @abstractmethod
    def case_quant(self, case: _cases.Case, source: Quantization, kind: str) -> Quantization:
        """Quantization of the output of a random case of integers of type `kind`."""

    def parse(self, options: Any) -> ReductionAttrs:
        return ReductionAttrs(bool(options.keepDims))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, ReductionAttrs)
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
        assert isinstance(node.attrs, ReductionAttrs)
        axes, shape = self.axes(node, graph), graph.required(node, 0).shape
        if node.attrs.keep_dims:
            return [tuple(1 if i in axes else n for i, n in enumerate(shape))]
        return [tuple(n for i, n in enumerate(shape) if i not in axes)]

    def cells(self, node: Node, graph: Graph) -> int:
        """Elements of one result."""
        shape = graph.required(node, 0).shape
        return math.prod(shape[a] for a in self.axes(node, graph))

    def folded(self, node: Node, graph: Graph) -> list[int] | None:
        """The input's shape as extents [kept, reduced, kept, reduced, kept]; None when that is too few.

        Extents of 1 go before all others: inner loops are the long ones.
        """
        axes, shape = self.axes(node, graph), graph.required(node, 0).shape
        dims = [(i in axes, n) for i, n in enumerate(shape) if n != 1]
        groups = [
            (reduced, math.prod(n for _, n in group))
            for reduced, group in itertools.groupby(dims, lambda d: d[0])
        ]
        if groups and groups[0][0]:
            groups.insert(0, (False, 1))
        extents = [n for _, n in groups]
        if len(extents) > 5:
            return None
        innermost = 1 - len(extents) % 2  # a reduced one, before a kept one of 1
        return [*[1] * (5 - innermost - len(extents)), *extents, *[1] * innermost]

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if not graph.required(node, 1).is_constant:
            return "the axes must be constant"
        if source.dtype.name not in self.types or output.dtype != source.dtype:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        if source.elements == 0:
            return "the input is empty"
        if self.folded(node, graph) is None:
            return f"axes {list(self.axes(node, graph))} of {list(source.shape)} are scattered too much"
        if source.dtype.is_float:
            return None
        return scale_reason(source, output) or self.quantization_reason(node, graph)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        axes, (shape,) = self.axes(node, graph), self.infer(node, graph)
        kept = [i for i in range(x.ndim) if i not in axes]
        rows = x.transpose(*axes, *kept).reshape(self.cells(node, graph), -1)
        return [self.reduced(node, graph, rows).astype(x.dtype).reshape(shape)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        folded = self.folded(node, graph)
        assert folded is not None
        names = ("kept_0", "reduced_0", "kept_1", "reduced_1", "kept_2")
        op, contract, params = self.kernel(node, graph)
        extents: dict[str, Any] = dict(zip(names, folded, strict=True))
        return [KernelCall(op, contract, extents | params, (node.inputs[0],), node.outputs)]

    def cases(self, draw: Draw) -> Graph:
        shape = tuple(draw.integer(1, 7) for _ in range(draw.choice((4, 4, 3, 2, 1))))
        axes = draw.choice([a for a in CASE_AXES if all(-len(shape) <= i < len(shape) for i in a)])
        case = _cases.Case(draw)
        x = case.input(shape, draw.choice(self.types))
        source = case.tensors[x]
        quant = None if source.quant is None else self.case_quant(case, source.quant, source.dtype.name)
        inputs = [x, case.constant(np.array(axes, np.int32))]
        attrs = ReductionAttrs(draw.choice((True, False)))
        return case.graph(self, inputs, attrs, [(source.dtype.name, quant)])


def ordered_sum(rows: np.ndarray) -> np.ndarray:
    """float32 sums along the first axis, added in order."""
    total = np.zeros(rows.shape[1], np.float32)
    for row in rows:
        total += row
    return total
