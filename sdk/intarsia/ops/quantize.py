# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE: float32 to int8, uint8 or int16, and between integer codes of different scales or types.

int8, int4 and int2 become each other. float16 becomes int8 where a layer in half precision is followed by one of
integers, which no model file has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import BY_NAME, INT32
from intarsia.fixedpoint import Int64Array, multiply_by_quantized_multiplier, quantize_multiplier
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import KernelCall, Param, Step
from intarsia.ops import _cases, _packed
from intarsia.ops._common import schema
from intarsia.ops._lookup import lookup_call
from intarsia.ops._packed import any_packed, requantization_reason, requantization_table
from intarsia.ops.base import Draw, Field, Operator, Shape, Values, pointwise

TYPES = (
    ("float32", "int8"),
    ("float32", "uint8"),
    ("float32", "int16"),
    ("int8", "int8"),
    ("int8", "uint8"),
    ("uint8", "int8"),
    ("uint8", "uint8"),
    ("int16", "int8"),
    ("int16", "int16"),
    ("int16", "int32"),
    ("int8", "int16"),
    ("int32", "int8"),
    ("int32", "int16"),
)

HALF = ("float16", "int8")


def real_codes(x: np.ndarray, scale: float, zero_point: int, limits: tuple[int, int]) -> np.ndarray:
    """Codes of float32 values: x / scale, rounded half away from zero; NaN gives the least."""
    with np.errstate(over="ignore", invalid="ignore"):
        steps = x / np.float32(scale)
    steps = np.clip(np.where(np.isnan(steps), -np.inf, steps).astype(np.float64), -131072.0, 131072.0)
    result: np.ndarray = np.clip(np.trunc(steps + np.copysign(0.5, steps)) + zero_point, *limits)
    return result


class Quantize(Operator):
    name = "QUANTIZE"
    unsigned = ""
    batchwise = True
    narrow = True

    def options(self, attrs: Attrs) -> Any:
        return schema().QuantizeOptionsT()

    def factor(self, node: Node, graph: Graph) -> tuple[int, int]:
        """(multiplier, shift) between two integer scales."""
        return quantize_multiplier(graph.required(node, 0).scale / graph.output(node).scale)

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, out = graph.required(node, 0), graph.output(node)
        kinds = (source.dtype.name, out.dtype.name)
        if any_packed(source, out):
            return requantization_reason(source, out)
        if kinds not in (*TYPES, HALF):
            return f"{kinds[0]} to {kinds[1]}"
        tensors = (out,) if source.dtype.is_float else (source, out)
        if any(t.quant is None or t.quant.per_channel for t in tensors):
            return "quantized tensors must have one scale each"
        if source.dtype == INT32 and source.zero_point:
            return "an int32 input must have a zero point of 0"
        if kinds == ("int16", "int16") and (source.zero_point or out.zero_point):
            return "int16 tensors must have a zero point of 0"
        largest_shift = max(30 - 8 * source.dtype.bytes, 0)
        if not source.dtype.is_float and self.factor(node, graph)[1] > largest_shift:
            return "the output scale is too small for the input scale"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [graph.required(node, 0).shape]

    def codes(self, node: Node, graph: Graph, x: Int64Array) -> Int64Array:
        """Output codes for input codes (TFLite Requantize)."""
        source, out = graph.required(node, 0), graph.output(node)
        scaled = multiply_by_quantized_multiplier(x - source.zero_point, *self.factor(node, graph))
        return np.clip(scaled + out.zero_point, *out.dtype.range)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, out = values[0], graph.output(node)
        assert x is not None
        result = (
            real_codes(x.astype(np.float32), out.scale, out.zero_point, out.dtype.range)
            if x.dtype.kind == "f"
            else self.codes(node, graph, x.astype(np.int64))
        )
        return [result.astype(out.dtype.numpy)]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return pointwise(node, graph)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, out = graph.required(node, 0), graph.output(node)
        if any_packed(source, out):
            return [_packed.lookup_call(node, graph, requantization_table(source, out))]
        if source.dtype.name == out.dtype.name == "int8":
            inputs = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
            return [lookup_call(node, source.elements, self.codes(node, graph, inputs).astype(np.int8))]
        params: dict[str, Param] = {"size": source.elements}
        if source.dtype.is_float:
            params |= {"scale": out.scale, "zero": out.zero_point}
        else:
            multiplier, shift = self.factor(node, graph)
            params |= {"in_zero": source.zero_point, "out_zero": out.zero_point}
            params |= {"multiplier": multiplier, "shift": shift}
        return [
            KernelCall(
                "quantize",
                f"quantize_{source.dtype.code}_{out.dtype.code}",
                params,
                node.inputs[:1],
                node.outputs,
                inplace=((0, 0),) if source.dtype.bytes == out.dtype.bytes else (),
            )
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kinds = draw.choice(TYPES)
        shape = draw.choice(((3,), (1, 300), (2, 3, 4), (1, 2, 3, 4), (1,)))
        scale = case.scale(-9, 0)
        quants = []
        ratio = 2.0 ** (draw.integer(9, 24) if kinds[0] == "int32" else draw.integer(-3, 3))
        for kind, value in zip(kinds, (scale, scale * ratio), strict=True):
            dtype = BY_NAME[kind]
            wide = dtype.bytes > 1
            zero_point = 0 if wide else case.zero_point(dtype)
            factor = 2.0**-8 if wide and not dtype.is_float else 1.0
            quant = Quantization((float(np.float32(value * factor)),), (zero_point,))
            quants.append(None if dtype.is_float else quant)
        return case.graph(self, [case.input(shape, kinds[0], quants[0])], Attrs(), [(kinds[1], quants[1])])


OPERATOR = Quantize()
