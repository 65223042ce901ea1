# SPDX-License-Identifier: Apache-2.0
"""DEQUANTIZE: int8, uint8, int16 or float16 to float32.

int8 becomes float16 where a layer of integers is followed by one in half precision, which no model file has.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import BY_NAME
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import KernelCall, Param, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops.base import Draw, Field, Operator, Shape, Values, pointwise

_SOURCES = ("int8", "uint8", "int16", "float16")
_HALF = ("int8", "float16")


class Dequantize(Operator):
    name = "DEQUANTIZE"
    unsigned = ""
    batchwise = True

    def options(self, attrs: Attrs) -> Any:
        return schema().DequantizeOptionsT()

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, out = graph.required(node, 0), graph.output(node)
        kinds = source.dtype.name, out.dtype.name
        if (kinds[0] not in _SOURCES or kinds[1] != "float32") and kinds != _HALF:
            return f"{kinds[0]} to {kinds[1]}"
        if source.dtype.is_integer and (source.quant is None or source.quant.per_channel):
            return "the input must have one scale"
        return None

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [graph.required(node, 0).shape]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, source = values[0], graph.required(node, 0)
        assert x is not None
        if source.dtype.is_float:
            return [x.astype(np.float32)]
        centred = (x.astype(np.int32) - source.zero_point).astype(np.float32)
        with np.errstate(over="ignore"):
            return [(np.float32(source.scale) * centred).astype(graph.output(node).dtype.numpy)]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return pointwise(node, graph)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source = graph.required(node, 0)
        params: dict[str, Param] = {"size": source.elements}
        if source.dtype.is_integer:
            params |= {"scale": source.scale, "zero": source.zero_point}
        contract = f"dequantize_{source.dtype.code}_{graph.output(node).dtype.code}"
        return [KernelCall("dequantize", contract, params, node.inputs[:1], node.outputs)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind = draw.choice(_SOURCES)
        dtype = BY_NAME[kind]
        quant = None
        if dtype.is_integer:
            zero_point = case.zero_point(dtype) if dtype.bytes == 1 else 0
            quant = Quantization((case.scale(-12, 1),), (zero_point,))
        shape = draw.choice(((3,), (1, 300), (2, 3, 4), (1, 2, 3, 4), (1,)))
        return case.graph(self, [case.input(shape, kind, quant)], Attrs(), [("float32", None)])


OPERATOR = Dequantize()
