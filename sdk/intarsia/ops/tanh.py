# SPDX-License-Identifier: Apache-2.0
"""TANH: int8 by a table made in float32, and float32."""

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

_OUTPUT_SCALE = 1 / 128
_SMALLEST_SCALE = 2.0**-20


class Tanh(SaturatingOperator):
    name = "TANH"
    kernel = "tanh"
    output_range = OutputRange("fixed", _OUTPUT_SCALE, 0)

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        scale = graph.output(node).scale
        return None if scale >= _SMALLEST_SCALE else f"output scale {scale:g} is below {_SMALLEST_SCALE:g}"

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return transform_codes(node, graph, x, np.tanh)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return floatmath.tanh(x)

    def wide_codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return _sigmoid.tanh(x, *_sigmoid.input_factor(graph.required(node, 0).scale))


OPERATOR = Tanh()
