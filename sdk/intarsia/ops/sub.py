# SPDX-License-Identifier: Apache-2.0
"""SUB: int8 and float32, with broadcasting and a fused activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops import _scaled_sum
from intarsia.ops._common import ACTIVATIONS, float_limits, schema
from intarsia.ops._elementwise import FusedAttrs, FusedOperator, activation_of, clamp_real
from intarsia.ops._scaled_sum import ScaledSum


class Sub(FusedOperator):
    """The kernel takes its second operand from its first, times `sign`: -1 when they are swapped."""

    name = "SUB"

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, FusedAttrs)
        options = schema().SubOptionsT()
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        return _scaled_sum.scale_fault(node, graph)

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        sign = -1 if swapped else 1
        if a.dtype == np.float32:
            return clamp_real(np.float32(sign) * (a - b), *float_limits(activation_of(node)))
        scaling = ScaledSum.of(node, graph, swapped)
        left, right = scaling.operands(a, b)
        return scaling.output(sign * (left - right))

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        sign = -1 if swapped else 1
        if graph.output(node).dtype.name == "int8":
            return {"sign": sign, **ScaledSum.of(node, graph, swapped).params()}
        low, high = float_limits(activation_of(node))
        return {"sign": float(sign), "minimum": low, "maximum": high}


OPERATOR = Sub()
