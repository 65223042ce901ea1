# SPDX-License-Identifier: Apache-2.0
"""SQUARE: x * x, float32."""

from __future__ import annotations

from intarsia.floatmath import Float32Array
from intarsia.ir import Node
from intarsia.kernelcall import Param
from intarsia.ops._lookup import FloatUnary


class Square(FloatUnary):
    name = "SQUARE"
    batchwise = True

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return x * x

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "square", "square_f32", {}


OPERATOR = Square()
