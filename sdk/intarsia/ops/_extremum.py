# SPDX-License-Identifier: Apache-2.0
"""Shared by MAXIMUM and MINIMUM: codes are compared as they are, so all tensors must have one scale."""

from __future__ import annotations

from typing import Any

from intarsia.dtypes import BY_NAME
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import ElementwiseOperator
from intarsia.ops.base import OutputRange


class Extremum(ElementwiseOperator):
    """MAXIMUM or MINIMUM; TFLite compares int8 codes without rescaling."""

    output_range = OutputRange("input")
    types = ("int8", "float32", "int16")

    def options(self, attrs: Attrs) -> Any:
        return schema().MaximumMinimumOptionsT()

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        tensors = (graph.required(node, 0), graph.required(node, 1), graph.output(node))
        if len({(t.scale, t.zero_point) for t in tensors}) > 1:
            return "operands and result must have the same scale and zero point"
        return None

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        return {}

    def case_quants(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, Quantization | None, Quantization | None]:
        quant = case.quant(BY_NAME[kind])
        return quant, quant, quant
