# SPDX-License-Identifier: Apache-2.0
"""DIV: float32, with broadcasting and a fused activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._common import ACTIVATIONS, float_limits, schema
from intarsia.ops._elementwise import (
    QUANTIZED,
    FusedAttrs,
    FusedOperator,
    activation_of,
    clamp_real,
)


class Div(FusedOperator):
    """The kernel divides its second operand by its first when they are swapped."""

    name = "DIV"
    batchwise = True
    types = ("float32",)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        if graph.required(node, 0).dtype in QUANTIZED:
            return (
                "quotients of codes have no rule: the interpreters shift small dividends by more bits than there are "
                "(take MUL by the reciprocals of a constant divisor, or leave the layer in float)"
            )
        return super().unsupported(node, graph)

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, FusedAttrs)
        options = schema().DivOptionsT()
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            quotient = b / a if swapped else a / b
        return clamp_real(quotient, *float_limits(activation_of(node)))

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        low, high = float_limits(activation_of(node))
        return {"inverse": swapped, "minimum": low, "maximum": high}


OPERATOR = Div()
