# SPDX-License-Identifier: Apache-2.0
"""Shared by RELU, RELU6 and RELU_N1_TO_1: rescaling with a clamp."""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array, quantize_multiplier
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node, Quantization
from intarsia.kernelcall import Constant, Param
from intarsia.ops import _cases
from intarsia.ops._common import float_limits, quantized_limits
from intarsia.ops._elementwise import clamp_real, scale_of
from intarsia.ops._lookup import (
    LARGEST_WIDE_SHIFT,
    UnaryOperator,
    WideUnaryOperator,
    factor_fault,
    scaled,
    wide_case_quants,
)


class Relu(UnaryOperator):
    """A clamp to the limits of the activation that has the operator's name."""

    def factor(self, node: Node, graph: Graph) -> float:
        return float(scale_of(graph.required(node, 0)) / scale_of(graph.output(node)))

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        return factor_fault(self.factor(node, graph))

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        source, out = graph.required(node, 0), graph.output(node)
        low, high = quantized_limits(self.name, out)
        result = scaled(x - source.zero_point, self.factor(node, graph)) + out.zero_point
        return np.minimum(np.maximum(result, low), high)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return clamp_real(x, *float_limits(self.name))

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        low, high = float_limits(self.name)
        return "clamp", "clamp_f32", {"minimum": low, "maximum": high}


class WideRelu(Relu, WideUnaryOperator):
    """A clamp that takes int16 as well."""

    def wide_fault(self, node: Node, graph: Graph) -> str | None:
        return factor_fault(self.factor(node, graph), largest_shift=LARGEST_WIDE_SHIFT)

    def wide_codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        low, high = quantized_limits(self.name, graph.output(node))
        return np.minimum(np.maximum(scaled(x, self.factor(node, graph)), low), high)

    def wide_kernel(
        self, node: Node, graph: Graph
    ) -> tuple[str, str, dict[str, Param], tuple[Constant, ...]]:
        multiplier, shift = quantize_multiplier(self.factor(node, graph))
        low, high = quantized_limits(self.name, graph.output(node))
        params: dict[str, Param] = {"multiplier": multiplier, "shift": shift}
        return "clamp", "clamp_s16", params | {"minimum": low, "maximum": high}, ()

    def wide_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        return wide_case_quants(case)
