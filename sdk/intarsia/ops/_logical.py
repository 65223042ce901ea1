# SPDX-License-Identifier: Apache-2.0
"""What operators on bool share: of two operands, and along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import BOOL
from intarsia.ir import Graph, Node, Quantization, Tensor
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._elementwise import ElementwiseOperator
from intarsia.ops._reduction import CASE_AXES, Reduction, ReductionAttrs
from intarsia.ops.base import Draw, Shape


class Logical(ElementwiseOperator):
    """Of two operands."""

    types = ("bool",)

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        return {}

    def _operand(
        self, case: _cases.Case, shape: Shape, kind: str, quant: Quantization | None, *, constant: bool
    ) -> int:
        if constant:
            return case.constant(case.draw.array(shape, 0, 1).astype(np.bool_))
        return _feature_map(case, shape)


class LogicalReduction(Reduction):
    """Along axes."""

    types = ("bool",)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if not graph.required(node, 1).is_constant:
            return "the axes must be constant"
        if source.dtype != BOOL or output.dtype != BOOL:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        if source.elements == 0:
            return "the input is empty"
        if self.folded(node, graph) is None:
            return f"axes {list(self.axes(node, graph))} of {list(source.shape)} are scattered too much"
        return None

    def quantization_reason(self, node: Node, graph: Graph) -> str | None:
        return None

    def kernel(self, node: Node, graph: Graph) -> tuple[str, str, dict[str, Any]]:
        word = self.name.lower()
        return word, f"{word}_b8", {}

    def case_quant(self, case: _cases.Case, source: Quantization, kind: str) -> Quantization:
        return source

    def cases(self, draw: Draw) -> Graph:
        shape = tuple(draw.integer(1, 4) for _ in range(draw.choice((4, 3, 2, 1))))
        axes = draw.choice([a for a in CASE_AXES if all(-len(shape) <= i < len(shape) for i in a)])
        case = _cases.Case(draw)
        inputs = [_feature_map(case, shape), case.constant(np.array(axes, np.int32))]
        return case.graph(self, inputs, ReductionAttrs(draw.choice((True, False))), [("bool", None)])


def _feature_map(case: _cases.Case, shape: Shape) -> int:
    return case.add(Tensor(f"x{len(case.tensors)}", tuple(shape), BOOL))
