# SPDX-License-Identifier: Apache-2.0
"""RSQRT: 1 / sqrt(x), int8 in fixed point (values up to 0 give the largest code), and float32."""

from __future__ import annotations

import math

import numpy as np

from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.fixedpoint_functions import inverse_square_root
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node, Quantization
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._elementwise import case_quant, scale_of
from intarsia.ops._lookup import UnaryOperator, saturate

_FRACTION_BITS = 20
_LARGEST_SHIFT = 30


class Rsqrt(UnaryOperator):
    name = "RSQRT"
    batchwise = True
    narrow = False

    def product(self, node: Node, graph: Graph) -> float:
        """sqrt(scale_in) * scale_out, formed in float32."""
        return float(np.sqrt(scale_of(graph.required(node, 0))) * scale_of(graph.output(node)))

    def factor(self, node: Node, graph: Graph) -> tuple[int, int]:
        """(multiplier, shift) of the inverse of the product."""
        return quantize_multiplier(1.0 / self.product(node, graph))

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        product = self.product(node, graph)
        if product == 0 or not math.isfinite(product) or self.factor(node, graph)[1] > _FRACTION_BITS:
            return "the output scale is too small for the input scale"
        return None

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        source, out = graph.required(node, 0), graph.output(node)
        centred = x - source.zero_point
        root, root_shift = inverse_square_root(np.maximum(centred, 1))
        data = multiply_by_quantized_multiplier(np.ones_like(x), root, root_shift + _FRACTION_BITS)
        multiplier, shift = self.factor(node, graph)
        result = multiply_by_quantized_multiplier(data, multiplier, shift - _FRACTION_BITS)
        return np.where(centred <= 0, out.dtype.range[1], saturate(result + out.zero_point))

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        root: Float32Array = np.sqrt(x)
        return np.float32(1) / root

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "rsqrt", "rsqrt_f32", {}

    def case_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        """The reference kernel refuses inputs that can be negative, so their zero point is the least code."""
        scale = case.scale(-9, 1)
        out = 2.0 ** case.draw.integer(-7, -2) * (1 + case.draw.integer(0, 1000) / 1000) / math.sqrt(scale)
        return Quantization((scale,), (case.draw.choice((-128, -128, -100)),)), case_quant(case, out)


OPERATOR = Rsqrt()
