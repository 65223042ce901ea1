# SPDX-License-Identifier: Apache-2.0
"""LOGISTIC: 1 / (1 + exp(-x)), int8 by a table made in float32, and float32."""

from __future__ import annotations

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import Int64Array
from intarsia.floatmath import Float32Array
from intarsia.ir import Graph, Node
from intarsia.ops import _sigmoid
from intarsia.ops._lookup import transform_codes
from intarsia.ops._saturating import SaturatingOperator
from intarsia.ops.base import OutputRange

_OUTPUT_SCALE = 1 / 256


def _logistic(x: np.ndarray) -> np.ndarray:
    """The formula of TFLite's table: exp rounded to float32, then a float32 sum and quotient."""
    with np.errstate(over="ignore"):
        exponential = np.exp(-x).astype(np.float32)
    result: np.ndarray = np.float32(1) / (np.float32(1) + exponential)
    return result


class Logistic(SaturatingOperator):
    name = "LOGISTIC"
    kernel = "logistic"
    output_range = OutputRange("fixed", _OUTPUT_SCALE, -128)

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        scale = graph.output(node).scale
        return None if scale == _OUTPUT_SCALE else f"output scale {scale:g}; it must be 1/256"

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return transform_codes(node, graph, x, _logistic)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return floatmath.logistic(x)

    def wide_codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return _sigmoid.logistic(x, *_sigmoid.input_factor(graph.required(node, 0).scale))


OPERATOR = Logistic()
