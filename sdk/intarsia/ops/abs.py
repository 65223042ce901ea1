# SPDX-License-Identifier: Apache-2.0
"""ABS: the magnitude, int8 and float32."""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import Int64Array
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._elementwise import scale_of
from intarsia.ops._lookup import UnaryOperator, factor_fault, saturate, scaled


class Abs(UnaryOperator):
    name = "ABS"
    batchwise = True
    narrow = False

    def factor(self, node: Node, graph: Graph) -> float:
        return float(scale_of(graph.required(node, 0)) / scale_of(graph.output(node)))

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        return factor_fault(self.factor(node, graph))

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        source, out = graph.required(node, 0), graph.output(node)
        magnitude = np.abs(x - source.zero_point)
        if source.scale != out.scale:
            magnitude = scaled(magnitude, self.factor(node, graph))
        return saturate(magnitude + out.zero_point)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return np.abs(x)

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "abs", "abs_f32", {}


OPERATOR = Abs()
