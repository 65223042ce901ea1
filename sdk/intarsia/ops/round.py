# SPDX-License-Identifier: Apache-2.0
"""ROUND: to the nearest integer, ties to even, float32. Zeros are positive."""

from __future__ import annotations

import numpy as np

from intarsia.floatmath import Float32Array
from intarsia.ir import Node
from intarsia.kernelcall import Param
from intarsia.ops._lookup import FloatUnary


class Round(FloatUnary):
    name = "ROUND"
    batchwise = True
    reference_kernel = False

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        rounded: Float32Array = np.rint(x) + np.float32(0)
        return rounded

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "round", "round_f32", {}


OPERATOR = Round()
