# SPDX-License-Identifier: Apache-2.0
"""LOG_SOFTMAX over the last axis: int8 in gemmlowp's fixed-point arithmetic, and float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import (
    INT32_MIN,
    Int64Array,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from intarsia.fixedpoint_functions import logarithm
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import case_quant
from intarsia.ops._softmax import (
    CASE_SHAPES,
    DifferenceScaling,
    RowOperator,
    depth_fault,
    float_exponentials,
    scaling_fault,
    sum_of_exponentials,
)
from intarsia.ops.base import Draw, OutputRange, Values

_OUTPUT_SCALE, _OUTPUT_ZERO = 16 / 256, 127
_OUTPUT_SHIFT = 31 - 5 - 4
_BETA = 1.0


def _reverse(scaling: DifferenceScaling) -> tuple[int, int]:
    """(multiplier, shift) that takes Q5.26 back to a difference of codes (PreprocessLogSoftmaxScalingExp)."""
    return quantize_multiplier((1 << (31 - scaling.shift)) / scaling.multiplier)


class LogSoftmax(RowOperator):
    name = "LOG_SOFTMAX"
    unsigned = ""
    batchwise = True
    output_range = OutputRange("fixed", _OUTPUT_SCALE, _OUTPUT_ZERO)

    def options(self, attrs: Attrs) -> Any:
        return schema().LogSoftmaxOptionsT()

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, out = graph.required(node, 0), graph.output(node)
        if source.dtype.name not in ("int8", "float32") or source.dtype != out.dtype:
            return f"{source.dtype.name} input with {out.dtype.name} output"
        if source.dtype.is_float:
            return depth_fault(source.shape)
        if any(t.quant is None or t.quant.per_channel for t in (source, out)):
            return "int8 tensors must have one scale each"
        if (out.scale, out.zero_point) != (_OUTPUT_SCALE, _OUTPUT_ZERO):
            return f"output scale {out.scale:g}, zero point {out.zero_point}; 1/16 and 127 are required"
        return depth_fault(source.shape) or scaling_fault(source.scale, _BETA)

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        scaling = DifferenceScaling.of(graph.required(node, 0).scale, _BETA)
        difference = x - x.max(-1, keepdims=True)
        used = difference >= scaling.minimum
        scaled = scaling.apply(np.where(used, difference, 0))
        log_sum = logarithm(sum_of_exponentials(scaled, used))
        reach = multiply_by_quantized_multiplier(log_sum + INT32_MIN, *_reverse(scaling))
        shown = difference > np.maximum(scaling.minimum - 1, reach)
        result = rounding_divide_by_pot(scaled - log_sum, _OUTPUT_SHIFT) + _OUTPUT_ZERO
        return np.where(shown, np.clip(result, -128, 127), -128)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        if x.dtype == np.float32:
            shifted, _, total = float_exponentials(x, _BETA)
            return [shifted - floatmath.log(total)]
        return [self.codes(node, graph, x.astype(np.int64)).astype(np.int8)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source = graph.required(node, 0)
        params = self.rows(node, graph)
        if not source.dtype.is_float:
            scaling = DifferenceScaling.of(source.scale, _BETA)
            multiplier, shift = _reverse(scaling)
            params |= scaling.params() | {"reverse_multiplier": multiplier, "reverse_shift": shift}
        return [
            KernelCall(
                "log_softmax",
                f"log_softmax_{source.dtype.code}",
                params,
                node.inputs[:1],
                node.outputs,
                inplace=((0, 0),),
            )
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        shape = draw.choice(CASE_SHAPES)
        kind = draw.choice(("int8", "float32"))
        if kind == "float32":
            return case.graph(self, [case.input(shape, kind)], Attrs())
        source = case_quant(case, case.scale(draw.choice((-9, -20)), 2))
        out = Quantization((_OUTPUT_SCALE,), (_OUTPUT_ZERO,))
        return case.graph(self, [case.input(shape, kind, source)], Attrs(), [(kind, out)])


OPERATOR = LogSoftmax()
