# SPDX-License-Identifier: Apache-2.0
"""L2_NORMALIZATION: rows along the last axis divided by their length; int8 (output scale 1/128) and float32."""

from __future__ import annotations

from typing import Any

import numpy as np

from intarsia.fixedpoint import multiply_by_quantized_multiplier
from intarsia.fixedpoint_functions import inverse_square_root
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import schema
from intarsia.ops._convolution import scale_reason
from intarsia.ops._softmax import CASE_SHAPES, RowOperator
from intarsia.ops.base import Draw, OutputRange, Values

_OUTPUT_SCALE, _OUTPUT_BITS = 1 / 128, 7
_SHORTEST = np.float32(1e-6)
"""Rows are not divided by less than this."""
_LONGEST_ROW = (1 << 31) // (255 * 255)


class L2Normalization(RowOperator):
    name = "L2_NORMALIZATION"
    batchwise = True
    output_range = OutputRange("fixed", _OUTPUT_SCALE, 0)

    def parse(self, options: Any) -> Attrs:
        if options is not None and options.fusedActivationFunction:
            raise ValueError(f"fused activation {options.fusedActivationFunction} is not supported")
        return Attrs()

    def options(self, attrs: Attrs) -> Any:
        return schema().L2NormOptionsT()

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, out = graph.required(node, 0), graph.output(node)
        if source.dtype.name not in ("int8", "float32") or source.dtype != out.dtype:
            return f"{source.dtype.name} input with {out.dtype.name} output"
        if source.dtype.is_float:
            return None
        if reason := scale_reason(source, out):
            return reason
        if (out.scale, out.zero_point) != (_OUTPUT_SCALE, 0):
            return f"output scale {out.scale:g}, zero point {out.zero_point}; 1/128, 0 are required"
        if source.shape and source.shape[-1] > _LONGEST_ROW:
            return f"rows of {source.shape[-1]} values; up to {_LONGEST_ROW} are supported"
        return None

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x = values[0]
        assert x is not None
        if x.dtype == np.float32:
            squares = np.add.accumulate(x * x, axis=-1, dtype=np.float32)[..., -1:]
            return [x / np.maximum(np.sqrt(squares), _SHORTEST)]
        centred = x.astype(np.int64) - graph.required(node, 0).zero_point
        root, shift = inverse_square_root((centred * centred).sum(-1, keepdims=True))
        codes = multiply_by_quantized_multiplier(centred, root, shift + _OUTPUT_BITS)
        return [np.clip(codes, -128, 127).astype(np.int8)]

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, params = graph.required(node, 0), self.rows(node, graph)
        if source.dtype.is_integer:
            params["in_zero"] = source.zero_point
        contract = f"l2_normalization_{source.dtype.code}"
        return [
            KernelCall("l2_normalization", contract, params, node.inputs[:1], node.outputs, inplace=((0, 0),))
        ]

    def cases(self, draw: Draw) -> Graph:
        case = _cases.Case(draw)
        kind = draw.choice(("int8", "float32"))
        quant = Quantization((_OUTPUT_SCALE,), (0,)) if kind == "int8" else None
        return case.graph(self, [case.input(draw.choice(CASE_SHAPES), kind)], Attrs(), [(kind, quant)])


OPERATOR = L2Normalization()
