# SPDX-License-Identifier: Apache-2.0
"""SQUARED_DIFFERENCE: (a - b) * (a - b), int8, float32 and int32, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.fixedpoint import multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import ElementwiseOperator, case_quant, wrap32

_LEFT_SHIFT = 7


class SquaredDifference(ElementwiseOperator):
    """int8 operands are brought to twice the larger scale with 7 more bits, then squared."""

    name = "SQUARED_DIFFERENCE"
    batchwise = True
    types = ("int8", "float32", "int32")

    def options(self, attrs: Attrs) -> Any:
        return schema().SquaredDifferenceOptionsT()

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        if self.scaling(node, graph, swapped=False)["out_shift"] > 0:
            return f"output scale {graph.output(node).scale:g} is too small for the scales of the operands"
        return None

    def scaling(self, node: Node, graph: Graph, swapped: bool) -> dict[str, int]:
        """Parameters of the int8 kernel."""
        a, b = (graph.required(node, i) for i in ((1, 0) if swapped else (0, 1)))
        out = graph.output(node)
        twice_maximum = 2 * max(a.scale, b.scale)
        a_multiplier, a_shift = quantize_multiplier(a.scale / twice_maximum)
        b_multiplier, b_shift = quantize_multiplier(b.scale / twice_maximum)
        factor = twice_maximum * twice_maximum / ((1 << 2 * _LEFT_SHIFT) * out.scale)
        out_multiplier, out_shift = quantize_multiplier(factor)
        return {
            "a_zero": a.zero_point,
            "a_multiplier": a_multiplier,
            "a_shift": a_shift,
            "b_zero": b.zero_point,
            "b_multiplier": b_multiplier,
            "b_shift": b_shift,
            "out_zero": out.zero_point,
            "out_multiplier": out_multiplier,
            "out_shift": out_shift,
        }

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        if a.dtype == np.float32:
            real: np.ndarray = (a - b) * (a - b)
            return real
        if a.dtype == np.int32:
            wrapped = wrap32(a.astype(np.int64) - b)
            return wrap32(wrapped * wrapped)
        s = self.scaling(node, graph, swapped)
        left = (a.astype(np.int64) - s["a_zero"]) << _LEFT_SHIFT
        right = (b.astype(np.int64) - s["b_zero"]) << _LEFT_SHIFT
        difference = multiply_by_quantized_multiplier(
            left, s["a_multiplier"], s["a_shift"]
        ) - multiply_by_quantized_multiplier(right, s["b_multiplier"], s["b_shift"])
        codes = multiply_by_quantized_multiplier(difference**2, s["out_multiplier"], s["out_shift"])
        return np.clip(codes + s["out_zero"], -128, 127)

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        if graph.output(node).dtype.name != "int8":
            return {}
        return dict(self.scaling(node, graph, swapped))

    def case_quants(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, Quantization | None, Quantization | None]:
        if kind != "int8":
            return None, None, None
        a = case.scale()
        b = a * 2.0 ** case.draw.integer(-3, 3)
        out = max(a, b) ** 2 * 2.0 ** case.draw.integer(0, 9)
        return case_quant(case, a), case_quant(case, b), case_quant(case, out)


OPERATOR = SquaredDifference()
