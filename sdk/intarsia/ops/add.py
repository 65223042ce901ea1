# SPDX-License-Identifier: Apache-2.0
"""ADD: int8, int16, float32 and int32, with broadcasting and a fused activation; int4 and int2 without broadcasting."""

from __future__ import annotations

import numpy as np

from intarsia.dtypes import INT16, NARROW
from intarsia.ir import Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._common import float_limits
from intarsia.ops._elementwise import (
    activation_of,
    clamp_real,
    int32_limits,
    wrap32,
)
from intarsia.ops._scaled_sum import ScaledSum, SumOperator


class Add(SumOperator):
    name = "ADD"
    unsigned = ""
    batchwise = True
    narrow = True
    types = ("int8", "float32", "int32", "int16")
    half = True
    flat = ("s8",)

    options_name = "AddOptionsT"

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        activation = activation_of(node)
        if a.dtype.kind == "f":
            return clamp_real(a.astype(np.float32) + b.astype(np.float32), *float_limits(activation))
        if a.dtype == np.int32:
            return np.clip(wrap32(a.astype(np.int64) + b), *int32_limits(activation))
        scaling = ScaledSum.of(node, graph, swapped)
        left, right = scaling.operands(a, b)
        return scaling.output(left + right)

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        kind = graph.output(node).dtype
        if kind in (*NARROW, INT16):
            return ScaledSum.of(node, graph, swapped).params()
        limits = float_limits if kind.is_float else int32_limits
        low, high = limits(activation_of(node))
        return {"minimum": low, "maximum": high}


OPERATOR = Add()
