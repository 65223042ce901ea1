# SPDX-License-Identifier: Apache-2.0
"""SUB: int8, int16 and float32, with broadcasting and a fused activation."""

from __future__ import annotations

import numpy as np

from intarsia.ir import Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._common import float_limits
from intarsia.ops._elementwise import activation_of, clamp_real
from intarsia.ops._scaled_sum import ScaledSum, SumOperator


class Sub(SumOperator):
    """The kernel takes its second operand from its first, times `sign`: -1 when they are swapped."""

    name = "SUB"
    unsigned = ""
    batchwise = True
    types = ("int8", "float32", "int16")

    options_name = "SubOptionsT"

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        sign = -1 if swapped else 1
        if a.dtype == np.float32:
            return clamp_real(np.float32(sign) * (a - b), *float_limits(activation_of(node)))
        scaling = ScaledSum.of(node, graph, swapped)
        left, right = scaling.operands(a, b)
        return scaling.output(sign * (left - right))

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        sign = -1 if swapped else 1
        if graph.output(node).dtype.is_integer:
            return {"sign": sign, **ScaledSum.of(node, graph, swapped).params()}
        low, high = float_limits(activation_of(node))
        return {"sign": float(sign), "minimum": low, "maximum": high}


OPERATOR = Sub()
