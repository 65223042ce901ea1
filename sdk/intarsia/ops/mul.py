# SPDX-License-Identifier: Apache-2.0
"""MUL: int8, int16, float32 and int32, with broadcasting and a fused activation."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import INT8, INT16
from intarsia.fixedpoint import Requantization, requantization
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._common import ACTIVATIONS, float_limits, quantized_limits, schema
from intarsia.ops._elementwise import (
    QUANTIZED,
    FusedAttrs,
    FusedOperator,
    activation_of,
    case_quant,
    clamp_real,
    int32_limits,
    scale_of,
    wrap32,
)

_LARGEST_SHIFT = {INT8: 14, INT16: 0}  # products have at most 17 and 32 bits with their sign


class Mul(FusedOperator):
    name = "MUL"
    unsigned = ""
    batchwise = True
    types = ("int8", "float32", "int32", "int16")
    flat = ("s8",)

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, FusedAttrs)
        options = schema().MulOptionsT()
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def requantization(self, node: Node, graph: Graph) -> Requantization:
        a, b, out = graph.required(node, 0), graph.required(node, 1), graph.output(node)
        factor = float(scale_of(a) * scale_of(b) / scale_of(out))
        return requantization([factor], out.zero_point, quantized_limits(activation_of(node), out))

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        if self.requantization(node, graph).shift[0] > _LARGEST_SHIFT[graph.output(node).dtype]:
            return f"output scale {graph.output(node).scale:g} is too small for the scales of the operands"
        return None

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        activation = activation_of(node)
        if a.dtype == np.float32:
            return clamp_real(a * b, *float_limits(activation))
        if a.dtype == np.int32:
            return np.clip(wrap32(a.astype(np.int64) * b), *int32_limits(activation))
        first, second = (1, 0) if swapped else (0, 1)
        left = a.astype(np.int64) - graph.required(node, first).zero_point
        right = b.astype(np.int64) - graph.required(node, second).zero_point
        return self.requantization(node, graph).apply(left * right)

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        kind = graph.output(node).dtype
        if kind not in QUANTIZED:
            limits = float_limits if kind.is_float else int32_limits
            low, high = limits(activation_of(node))
            return {"minimum": low, "maximum": high}
        first, second = (1, 0) if swapped else (0, 1)
        requant = self.requantization(node, graph)
        return {
            "a_zero": graph.required(node, first).zero_point,
            "b_zero": graph.required(node, second).zero_point,
            "out_zero": requant.zero_point,
            "multiplier": requant.multiplier[0],
            "shift": requant.shift[0],
            "minimum": requant.minimum,
            "maximum": requant.maximum,
        }

    def case_quants(
        self, case: _cases.Case, kind: str
    ) -> tuple[Quantization | None, Quantization | None, Quantization | None]:
        if kind not in ("int8", "int16"):
            return None, None, None
        a, b = case.scale(), case.scale()
        out = a * b * 2.0 ** case.draw.integer(-4, 8)
        if kind == "int16":
            out = max(a, b) ** 2 * 2.0 ** case.draw.integer(0, 18)
        return case_quant(case, a, kind), case_quant(case, b, kind), case_quant(case, out, kind)


OPERATOR = Mul()
