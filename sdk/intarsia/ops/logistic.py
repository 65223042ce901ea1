# SPDX-License-Identifier: Apache-2.0
"""LOGISTIC: 1 / (1 + exp(-x)), int8 by a table made in float32, and float32."""

from __future__ import annotations

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import Int64Array
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node, Quantization
from intarsia.kernelcall import Constant, Param
from intarsia.ops import _cases, _sigmoid
from intarsia.ops._lookup import WideUnaryOperator, transform_codes
from intarsia.ops._sigmoid import LARGEST_SCALE, WIDE_SCALE
from intarsia.ops.base import OutputRange

_OUTPUT_SCALE = 1 / 256


def _logistic(x: np.ndarray) -> np.ndarray:
    """The formula of TFLite's table: exp rounded to float32, then a float32 sum and quotient."""
    with np.errstate(over="ignore"):
        exponential = np.exp(-x).astype(np.float32)
    result: np.ndarray = np.float32(1) / (np.float32(1) + exponential)
    return result


class Logistic(WideUnaryOperator):
    name = "LOGISTIC"
    unsigned = ""
    batchwise = True
    output_range = OutputRange("fixed", _OUTPUT_SCALE, -128)

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        scale = graph.output(node).scale
        return None if scale == _OUTPUT_SCALE else f"output scale {scale:g}; it must be 1/256"

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return transform_codes(node, graph, x, _logistic)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return floatmath.logistic(x)

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "logistic", "logistic_f32", {}

    def case_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        source, _ = super().case_quants(case)
        return source, Quantization((_OUTPUT_SCALE,), (-128,))

    def wide_fault(self, node: Node, graph: Graph) -> str | None:
        scale = graph.output(node).scale
        if scale != WIDE_SCALE:
            return f"output scale {scale:g}; it must be 1/32768"
        if graph.required(node, 0).scale > LARGEST_SCALE:
            return f"input scale {graph.required(node, 0).scale:g} is above {LARGEST_SCALE:g}"
        return None

    def wide_codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return _sigmoid.logistic(x, *_sigmoid.input_factor(graph.required(node, 0).scale))

    def wide_kernel(
        self, node: Node, graph: Graph
    ) -> tuple[str, str, dict[str, Param], tuple[Constant, ...]]:
        multiplier, shift = _sigmoid.input_factor(graph.required(node, 0).scale)
        table = Constant("table", _sigmoid.TABLE.view(np.int16))
        return "logistic", "logistic_s16", {"multiplier": multiplier, "shift": shift}, (table,)

    def wide_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        scale = case.draw.choice((2.0**-12, 2.0**-11, case.scale(-15, -8)))
        return Quantization((scale,), (0,)), Quantization((WIDE_SCALE,), (0,))


OPERATOR = Logistic()
