# SPDX-License-Identifier: Apache-2.0
"""LEAKY_RELU: x for x >= 0, else alpha * x; int8, int16 and float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.fixedpoint import Int64Array, quantize_multiplier
from intarsia.floatmath import Float32Array
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Constant, Param
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._elementwise import scale_of
from intarsia.ops._lookup import (
    LARGEST_WIDE_SHIFT,
    WideUnaryOperator,
    factor_fault,
    saturate,
    scaled,
    wide_case_quants,
)
from intarsia.ops.base import Draw


@dataclass(frozen=True)
class LeakyReluAttrs(Attrs):
    """`alpha`: the slope for negative values, a float32 value."""

    alpha: float = 0.0


def _alpha(node: Node) -> np.float32:
    assert isinstance(node.attrs, LeakyReluAttrs)
    return np.float32(node.attrs.alpha)


class LeakyRelu(WideUnaryOperator):
    name = "LEAKY_RELU"
    unsigned = ""
    batchwise = True
    attrs = LeakyReluAttrs

    def parse(self, options: Any) -> LeakyReluAttrs:
        alpha = float(options.alpha)
        if not np.isfinite(alpha):
            raise ValueError(f"alpha is {alpha}")
        return LeakyReluAttrs(alpha)

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, LeakyReluAttrs)
        options = schema().LeakyReluOptionsT()
        options.alpha = attrs.alpha
        return options

    def factors(self, node: Node, graph: Graph) -> tuple[float, float]:
        """Factors for values >= 0 and below, formed in float32 as TFLite does."""
        source, out = scale_of(graph.required(node, 0)), scale_of(graph.output(node))
        return float(source / out), float(source * _alpha(node) / out)

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        return factor_fault(*self.factors(node, graph))

    def wide_fault(self, node: Node, graph: Graph) -> str | None:
        return factor_fault(*self.factors(node, graph), largest_shift=LARGEST_WIDE_SHIFT)

    def scaled_codes(self, node: Node, graph: Graph, centred: Int64Array) -> Int64Array:
        """Output codes, less their zero point, for input codes less theirs."""
        identity, slope = self.factors(node, graph)
        # LiteRT rounds the ties of negative factors the other way.
        mirrored = slope < 0 and graph.rule == "litert"
        below = -scaled(centred, -slope) if mirrored else scaled(centred, slope)
        return np.where(centred >= 0, scaled(centred, identity), below)

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        result = self.scaled_codes(node, graph, x - graph.required(node, 0).zero_point)
        return saturate(result + graph.output(node).zero_point)

    def wide_codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return self.scaled_codes(node, graph, x)

    def wide_kernel(
        self, node: Node, graph: Graph
    ) -> tuple[str, str, dict[str, Param], tuple[Constant, ...]]:
        identity, slope = self.factors(node, graph)
        multiplier, shift = quantize_multiplier(identity)
        below, below_shift = quantize_multiplier(abs(slope))
        sign = -1 if slope < 0 and graph.rule == "litert" else 1
        params: dict[str, Param] = {"multiplier": multiplier, "shift": shift, "below_shift": below_shift}
        params |= {"below_multiplier": -below if slope < 0 and sign > 0 else below, "below_sign": sign}
        return "leaky_relu", "leaky_relu_s16", params, ()

    def wide_quants(self, case: _cases.Case) -> tuple[Quantization, Quantization]:
        return wide_case_quants(case)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return np.where(x > 0, x, x * _alpha(node))

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "leaky_relu", "leaky_relu_f32", {"alpha": float(_alpha(node))}

    def case_attrs(self, draw: Draw) -> LeakyReluAttrs:
        alpha = draw.choice((0.1, 0.0, 0.3, 1.0, 2.5, -0.2, draw.integer(0, 1000) / 1000))
        return LeakyReluAttrs(float(np.float32(alpha)))


OPERATOR = LeakyRelu()
