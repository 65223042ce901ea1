# SPDX-License-Identifier: Apache-2.0
"""PRELU: x for x >= 0, else alpha * x, alpha a tensor repeated to the shape of x; int8 and float32."""

from __future__ import annotations

import numpy as np

from intarsia.fixedpoint import multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import Attrs, Graph, Node
from intarsia.kernelcall import Param
from intarsia.ops import _cases
from intarsia.ops._elementwise import ElementwiseOperator, case_quant, scale_of
from intarsia.ops.base import Draw, Shape

_LARGEST_SHIFT = 14  # a product of two differences of codes has at most 17 bits with its sign


class PRelu(ElementwiseOperator):
    name = "PRELU"
    unsigned = ""
    batchwise = True
    second = "alpha"

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        x, alpha = graph.required(node, 0), graph.required(node, 1)
        if x.is_constant:
            return "the input is constant"
        return super().unsupported(node, graph) or _shape_fault(x.shape, alpha.shape)

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        shape, alpha = graph.required(node, 0).shape, graph.required(node, 1).shape
        if fault := _shape_fault(shape, alpha):
            raise ValueError(fault)
        return [shape]

    def factors(self, node: Node, graph: Graph) -> tuple[tuple[int, int], tuple[int, int]]:
        """(multiplier, shift) for values >= 0 and below, from factors formed in float32 as TFLite does."""
        x, alpha = scale_of(graph.required(node, 0)), scale_of(graph.required(node, 1))
        out = scale_of(graph.output(node))
        return quantize_multiplier(float(x / out)), quantize_multiplier(float(x * alpha / out))

    def scale_fault(self, node: Node, graph: Graph) -> str | None:
        if max(shift for _, shift in self.factors(node, graph)) > _LARGEST_SHIFT:
            return f"output scale {graph.output(node).scale:g} is too small for the scales of input and alpha"
        return None

    def compute(self, node: Node, graph: Graph, a: np.ndarray, b: np.ndarray, swapped: bool) -> np.ndarray:
        if a.dtype == np.float32:
            return np.where(a >= 0, a, a * b)
        x = a.astype(np.int64) - graph.required(node, 0).zero_point
        alpha = b.astype(np.int64) - graph.required(node, 1).zero_point
        identity, slope = self.factors(node, graph)
        result = np.where(
            x >= 0,
            multiply_by_quantized_multiplier(x, *identity),
            multiply_by_quantized_multiplier(x * alpha, *slope),
        )
        codes: np.ndarray = np.clip(result + graph.output(node).zero_point, -128, 127)
        return codes

    def arithmetic(self, node: Node, graph: Graph, swapped: bool) -> dict[str, Param]:
        if graph.output(node).dtype.is_float:
            return {}
        identity, slope = self.factors(node, graph)
        return {
            "in_zero": graph.required(node, 0).zero_point,
            "alpha_zero": graph.required(node, 1).zero_point,
            "out_zero": graph.output(node).zero_point,
            "identity_multiplier": identity[0],
            "identity_shift": identity[1],
            "slope_multiplier": slope[0],
            "slope_shift": slope[1],
        }

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind = draw.choice(self.types)
        shape = (draw.choice((1, 2)), *(draw.integer(1, 5) for _ in range(draw.choice((3, 2, 1)))))
        alpha_shape = draw.choice(
            (
                (*(1,) * (len(shape) - 2), shape[-1]),
                shape,
                tuple(1 if draw.integer(0, 1) else n for n in shape),
                (1,),
            )
        )
        scale = case.scale()
        quants = (
            (
                case_quant(case, scale),
                case_quant(case, case.scale()),
                case_quant(case, scale * case.scale(-2, 2)),
            )
            if kind == "int8"
            else (None, None, None)
        )
        x = case.input(shape, kind, quants[0])
        alpha = self._operand(case, alpha_shape, kind, quants[1], constant=draw.choice((True, True, False)))
        return case.graph(self, [x, alpha], Attrs(), [(kind, quants[2])])


def _shape_fault(shape: Shape, alpha: Shape) -> str | None:
    trailing = shape[len(shape) - len(alpha) :]
    if len(alpha) > len(shape) or any(n not in (1, m) for n, m in zip(alpha, trailing, strict=True)):
        return f"alpha {list(alpha)} does not fit an input of {list(shape)}"
    return None


OPERATOR = PRelu()
