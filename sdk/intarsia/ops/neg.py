# SPDX-License-Identifier: Apache-2.0
"""NEG: the negative, float32."""

from __future__ import annotations

from intarsia.floatmath import Float32Array
from intarsia.ir import Node
from intarsia.kernelcall import Param
from intarsia.ops._lookup import FloatUnary


class Neg(FloatUnary):
    name = "NEG"
    batchwise = True

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return -x

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "neg", "neg_f32", {}


OPERATOR = Neg()
