# SPDX-License-Identifier: Apache-2.0
"""ELU: x, below 0 e to the power of x less 1; int8 by a table made in float32, and float32."""

from __future__ import annotations

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import Int64Array
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._lookup import UnaryOperator, transform_codes


def _elu(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)


class Elu(UnaryOperator):
    name = "ELU"
    batchwise = True
    reference_kernel = False
    narrow = False

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return transform_codes(node, graph, x, _elu)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return floatmath.elu(x)

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "elu", "elu_f32", {}


OPERATOR = Elu()
