# SPDX-License-Identifier: Apache-2.0
"""EXP: e to the power of x, int8 by a table made in float32, and float32."""

from __future__ import annotations

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import Int64Array
from intarsia.floatmath import Float32Array
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import case_quant
from intarsia.ops._lookup import UnaryOperator, transform_codes


class Exp(UnaryOperator):
    name = "EXP"
    batchwise = True
    narrow = False

    def options(self, attrs: Attrs) -> object:
        return schema().ExpOptionsT()

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        with np.errstate(over="ignore"):
            return transform_codes(node, graph, x, np.exp)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return floatmath.exp(x)

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "exp", "exp_f32", {}

    def case_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        """Results stay within int32 steps of the output's scale: the reference kernel does not look beyond."""
        return case_quant(case, case.scale(-9, -6)), case_quant(case, case.scale(-8, 4))


OPERATOR = Exp()
