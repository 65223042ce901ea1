# SPDX-License-Identifier: Apache-2.0
"""SQRT: the square root, NaN below 0, float32."""

from __future__ import annotations

import numpy as np

from intarsia.floatmath import Float32Array
from intarsia.ir import Node
from intarsia.kernelcall import Param
from intarsia.ops._lookup import FloatUnary


class Sqrt(FloatUnary):
    name = "SQRT"
    batchwise = True

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return np.sqrt(x)

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "sqrt", "sqrt_f32", {}


OPERATOR = Sqrt()
