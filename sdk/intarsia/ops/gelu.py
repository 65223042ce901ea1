# SPDX-License-Identifier: Apache-2.0
"""GELU: x times the share of a normal distribution below x, or its approximation by tanh; int8 by a table made in
float32, and float32.

Hendrycks and Gimpel, Gaussian Error Linear Units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia import floatmath
from intarsia.fixedpoint import Int64Array
from intarsia.floatmath import Float32Array
from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops._common import schema
from intarsia.ops._lookup import UnaryOperator, transform_codes
from intarsia.ops.base import Draw


@dataclass(frozen=True)
class GeluAttrs(Attrs):
    approximate: bool = False


def _exact(x: np.ndarray) -> np.ndarray:
    share: np.ndarray = 1 + np.vectorize(math.erf)(x * math.sqrt(0.5))
    result: np.ndarray = 0.5 * x * share
    return result


def _by_tanh(x: np.ndarray) -> np.ndarray:
    inner: np.ndarray = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    result: np.ndarray = 0.5 * x * (1 + np.tanh(inner))
    return result


class Gelu(UnaryOperator):
    name = "GELU"
    attrs = GeluAttrs
    batchwise = True
    narrow = False

    def parse(self, options: Any) -> GeluAttrs:
        return GeluAttrs(bool(options.approximate))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, GeluAttrs)
        options = schema().GeluOptionsT()
        options.approximate = attrs.approximate
        return options

    @staticmethod
    def approximate(node: Node) -> bool:
        assert isinstance(node.attrs, GeluAttrs)
        return node.attrs.approximate

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        return transform_codes(node, graph, x, _by_tanh if self.approximate(node) else _exact)

    def real(self, node: Node, x: Float32Array) -> Float32Array:
        return floatmath.gelu_tanh(x) if self.approximate(node) else floatmath.gelu(x)

    def float_kernel(self, node: Node) -> tuple[str, str, dict[str, Param]]:
        return "gelu", "gelu_tanh_f32" if self.approximate(node) else "gelu_f32", {}

    def case_attrs(self, draw: Draw) -> GeluAttrs:
        return GeluAttrs(draw.choice((False, True)))


OPERATOR = Gelu()
