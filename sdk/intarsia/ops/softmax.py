# SPDX-License-Identifier: Apache-2.0
"""SOFTMAX over the last axis: int8 to int8 or int16 in gemmlowp's fixed-point arithmetic, int16 by tables, float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.dtypes import INT16
from intarsia.fixedpoint import (
    Int64Array,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from intarsia.fixedpoint_functions import exp_of_negative, reciprocal
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops import _wide_softmax as _wide
from intarsia.ops._common import schema
from intarsia.ops._elementwise import case_quant
from intarsia.ops._softmax import (
    CASE_SHAPES,
    SUM_BITS,
    DifferenceScaling,
    RowOperator,
    depth_fault,
    float_exponentials,
    scaling_fault,
    sum_of_exponentials,
)
from intarsia.ops.base import Draw, OutputRange, Values

_QUANTIZATION = {"int8": (1 / 256, -128), "int16": (1 / 65536, -32768)}
_WIDE = 1 / 32768, 0
_LARGEST_SHIFT = 31


@dataclass(frozen=True)
class SoftmaxAttrs(Attrs):
    """`beta` multiplies the inputs, a float32 value."""

    beta: float = 1.0


def _beta(node: Node) -> float:
    assert isinstance(node.attrs, SoftmaxAttrs)
    return node.attrs.beta


class Softmax(RowOperator):
    name = "SOFTMAX"
    unsigned = ""
    batchwise = True
    attrs = SoftmaxAttrs
    output_range = OutputRange("fixed", *_QUANTIZATION["int8"])

    def parse(self, options: Any) -> SoftmaxAttrs:
        return SoftmaxAttrs(float(options.beta))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, SoftmaxAttrs)
        options = schema().SoftmaxOptionsT()
        options.beta = attrs.beta
        return options

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, out = graph.required(node, 0), graph.output(node)
        kinds = (source.dtype.name, out.dtype.name)
        if kinds not in (("int8", "int8"), ("int8", "int16"), ("int16", "int16"), ("float32", "float32")):
            return f"{kinds[0]} input with {kinds[1]} output"
        if source.dtype.is_float:
            return depth_fault(source.shape)
        if any(t.quant is None or t.quant.per_channel for t in (source, out)):
            return "quantized tensors must have one scale each"
        scale, zero_point = _WIDE if source.dtype == INT16 else _QUANTIZATION[out.dtype.name]
        if abs(out.scale / scale - 1) > 1e-3 or out.zero_point != zero_point:
            found = f"output scale {out.scale:g}, zero point {out.zero_point}"
            return f"{found}; {scale:g}, {zero_point} are required"
        if source.dtype == INT16:
            return depth_fault(source.shape) or _wide.fault(source, _beta(node))
        return depth_fault(source.shape) or scaling_fault(source.scale, _beta(node))

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        scaling = DifferenceScaling.of(graph.required(node, 0).scale, _beta(node))
        low, high = graph.output(node).dtype.range
        difference = x - x.max(-1, keepdims=True)
        used = difference >= scaling.minimum
        scaled = scaling.apply(np.where(used, difference, 0))
        factor, bits = reciprocal(sum_of_exponentials(scaled, used), SUM_BITS)
        exponent = bits + 31 - 8 * graph.output(node).dtype.bytes
        product = saturating_rounding_doubling_high_mul(factor, exp_of_negative(scaled))
        result = rounding_divide_by_pot(product, np.minimum(exponent, _LARGEST_SHIFT))
        result = np.where(exponent > _LARGEST_SHIFT, 0, result)
        return np.where(used, np.clip(result + low, low, high), low)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        if x.dtype == np.float32:
            _, exponentials, total = float_exponentials(x, _beta(node))
            return [exponentials / total]
        if x.dtype == np.int16:
            return [_wide.softmax(x.astype(np.int64), graph.required(node, 0).scale, _beta(node))]
        return [self.codes(node, graph, x.astype(np.int64)).astype(graph.output(node).dtype.numpy)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, out = graph.required(node, 0), graph.output(node)
        params, constants = self.rows(node, graph), tuple[Constant, ...]()
        if source.dtype.is_float:
            params["beta"] = _beta(node)
            contract = "softmax_f32"
        elif source.dtype == INT16:
            multiplier, shift = _wide.difference_factor(source.scale, _beta(node))
            params |= {"multiplier": multiplier, "shift": shift}
            tables = _wide.exponentials(), _wide.reciprocals()
            constants = (Constant("exponentials", tables[0]), Constant("reciprocals", tables[1]))
            contract = "softmax_s16"
        else:
            params |= DifferenceScaling.of(source.scale, _beta(node)).params()
            contract = "softmax_s8" if out.dtype.name == "int8" else "softmax_s8_s16"
        inplace = ((0, 0),) if source.dtype == out.dtype else ()
        return [
            KernelCall("softmax", contract, params, node.inputs[:1], node.outputs, constants, inplace=inplace)
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        attrs = SoftmaxAttrs(draw.choice((1.0, 1.0, 0.5, 3.0, 0.125)))
        shape = draw.choice(CASE_SHAPES)
        kind = draw.choice(("int8", "int8", "float32", "int16"))
        if kind == "float32":
            return case.graph(self, [case.input(shape, kind)], attrs)
        if kind == "int16":
            source, out_quant = Quantization((case.scale(-16, -6),), (0,)), Quantization((_WIDE[0],), (0,))
            return case.graph(self, [case.input(shape, kind, source)], attrs, [(kind, out_quant)])
        source = case_quant(case, case.scale(draw.choice((-9, -20)), 2))
        out = draw.choice(("int8", "int8", "int16"))
        scale, zero_point = _QUANTIZATION[out]
        return case.graph(
            self, [case.input(shape, kind, source)], attrs, [(out, Quantization((scale,), (zero_point,)))]
        )


OPERATOR = Softmax()
