# SPDX-License-Identifier: Apache-2.0
"""ADD: int8, float32 and int32, with broadcasting and a fused activation; int4 and int2 without broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import NARROW
from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops import _scaled_sum
from intarsia.ops._common import ACTIVATIONS, float_limits, schema
from intarsia.ops._elementwise import (
    FusedAttrs,
    FusedOperator,
    activation_of,
    clamp_real,
    int32_limits,
    wrap32,
)
from intarsia.ops._scaled_sum import ScaledSum


class Add(FusedOperator):
    name = "ADD"
    narrow = True
    types = ("int8", "float32", "int32")
    flat = ("s8",)

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, FusedAttrs)
        options = schema().AddOptionsT()
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        return _scaled_sum.scale_fault(node, graph)

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        activation = activation_of(node)
        if a.dtype == np.float32:
            return clamp_real(a + b, *float_limits(activation))
        if a.dtype == np.int32:
            return np.clip(wrap32(a.astype(np.int64) + b), *int32_limits(activation))
        scaling = ScaledSum.of(node, graph, swapped)
        left, right = scaling.operands(a, b)
        return scaling.output(left + right)

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        kind = graph.output(node).dtype
        if kind in NARROW:
            return ScaledSum.of(node, graph, swapped).params()
        limits = float_limits if kind.is_float else int32_limits
        low, high = limits(activation_of(node))
        return {"minimum": low, "maximum": high}


OPERATOR = Add()
