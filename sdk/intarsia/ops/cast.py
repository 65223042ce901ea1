# SPDX-License-Identifier: Apache-2.0
"""CAST between element types, codes taken as plain numbers.

float32 to integers: cut towards 0 and saturated, NaN gives 0; integers to narrower ones keep the low bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.dtypes import BY_NAME
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.kernelcall import KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops.base import Draw, Field, Operator, Shape, Values, pointwise

TYPES = (
    ("float32", "int32"),
    ("float32", "int8"),
    ("float32", "int16"),
    ("float32", "bool"),
    ("int32", "float32"),
    ("int8", "float32"),
    ("uint8", "float32"),
    ("int16", "float32"),
    ("bool", "float32"),
    ("int32", "int8"),
    ("int8", "int32"),
    ("uint8", "int32"),
    ("bool", "int32"),
    ("int32", "bool"),
    ("int32", "int64"),
    ("int64", "int32"),
    ("int64", "float32"),
)
"""What files have."""

HALF = (("float32", "float16"), ("float16", "float32"))
"""At the borders of layers that compute with half precision."""


class Cast(Operator):
    """The types are those of the tensors: the options say nothing that they do not."""

    name = "CAST"

    def options(self, attrs: Attrs) -> Any:
        return schema().CastOptionsT()

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, out = graph.required(node, 0), graph.output(node)
        if source.quant is not None or out.quant is not None:
            return "the tensors are quantized; DEQUANTIZE gives their real values"
        kinds = source.dtype.name, out.dtype.name
        return None if kinds in (*TYPES, *HALF) else f"{kinds[0]} to {kinds[1]}"

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        return [graph.required(node, 0).shape]

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, kind = values[0], graph.output(node).dtype
        assert x is not None
        if x.dtype == np.float32 and kind.is_integer:
            low, high = kind.range
            whole = np.clip(np.nan_to_num(x.astype(np.float64), posinf=high, neginf=low), low, high)
            return [np.trunc(whole).astype(kind.numpy)]
        return [x.astype(kind.numpy)]

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return pointwise(node, graph)

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, out = graph.required(node, 0), graph.output(node)
        contract = f"cast_{source.dtype.code}_{out.dtype.code}"
        inplace = ((0, 0),) if source.dtype.bytes == out.dtype.bytes else ()
        params = {"size": source.elements}
        return [KernelCall("cast", contract, params, node.inputs[:1], node.outputs, inplace=inplace)]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        source, target = draw.choice(TYPES)
        shape = draw.choice(((3,), (1, 300), (2, 3, 4), (1,)))
        x = case.add(Tensor("x", shape, BY_NAME[source]))
        return case.graph(self, [x], Attrs(), [(target, None)])


OPERATOR = Cast()
