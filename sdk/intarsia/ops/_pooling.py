# SPDX-License-Identifier: Apache-2.0
"""What AVERAGE_POOL_2D and MAX_POOL_2D share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._channels import Codes
from intarsia.ops._common import (
    ACTIVATIONS,
    EXPLICIT,
    PADDINGS,
    Activation,
    PaddingMode,
    activation_name,
    float_limits,
    padding_name,
    quantized_limits,
    schema,
)
from intarsia.ops._convolution import Geometry, scale_reason
from intarsia.ops._packed import all_codes, any_packed, look_up, requantization_reason, requantized
from intarsia.ops.base import Draw, Field, Operator, OutputRange, Pads, Shape

TYPES = ("int8", "float32", "int16")

SCALE_TOLERANCE = 1e-6
"""Difference of the scales of input and output that TFLite takes for none."""


@dataclass(frozen=True)
class PoolAttrs(Attrs):
    padding: PaddingMode = "SAME"
    stride: tuple[int, int] = (1, 1)
    window: tuple[int, int] = (1, 1)
    activation: Activation = "NONE"
    pads: tuple[int, ...] = ()


class Pool(Operator):
    """A pooling operator of int8, int16 or float32 NHWC feature maps; input and output share one quantization.

    With int4 or int2 on either side, the input's codes are pooled, and the result is requantized where needed.
    """

    attrs = PoolAttrs
    crops = True
    narrow = True
    half = True
    output_range = OutputRange("input")

    def parse(self, options: Any) -> PoolAttrs:
        return self.attrs(
            padding_name(options.padding),
            (options.strideH, options.strideW),
            (options.filterHeight, options.filterWidth),
            activation_name(options.fusedActivationFunction),
        )

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, PoolAttrs)
        options = schema().Pool2DOptionsT()
        options.padding = PADDINGS.index(attrs.padding)
        options.strideH, options.strideW = attrs.stride
        options.filterHeight, options.filterWidth = attrs.window
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def geometry(self, node: Node, graph: Graph) -> Geometry:
        """Raises ValueError when the window does not fit the input."""
        attrs = node.attrs
        assert isinstance(attrs, PoolAttrs)
        return Geometry.of(
            graph.required(node, 0).shape, attrs.window, attrs.stride, (1, 1), attrs.padding, attrs.pads
        )

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        source, output = graph.required(node, 0), graph.output(node)
        if any_packed(source, output):
            return requantization_reason(source, output)
        if source.dtype.name not in (*TYPES, "float16") or output.dtype != source.dtype:
            return f"{source.dtype.name} input with {output.dtype.name} output"
        if source.dtype.is_float:
            return None
        if reason := scale_reason(source, output):
            return reason
        if not self.alike(source, output):
            return "input and output must have the same quantization"
        return None

    @staticmethod
    def alike(source: Tensor, output: Tensor) -> bool:
        """Whether codes of both mean the same."""
        close = abs(source.scale - output.scale) <= SCALE_TOLERANCE
        return close and source.zero_point == output.zero_point

    def table(self, node: Node, graph: Graph) -> np.ndarray:
        """What becomes of every code of the input that is the result of a window, below 8 bits."""
        source, output = graph.required(node, 0), graph.output(node)
        codes = all_codes(source.dtype)
        if not self.alike(source, output):
            codes = requantized(codes, source, output)
        return np.clip(codes, *self.limits(node, graph)).astype(np.int8)

    def finish(self, node: Node, graph: Graph, result: np.ndarray) -> np.ndarray:
        """The output for the results of all windows, in codes or real values of the input."""
        source, output = graph.required(node, 0), graph.output(node)
        if any_packed(source, output):
            return look_up(self.table(node, graph), result.astype(np.int8))
        clamped: np.ndarray = np.clip(result, *self.limits(node, graph)).astype(source.dtype.numpy)
        return clamped

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        g = self.geometry(node, graph)
        return [(g.batch, g.out_h, g.out_w, g.in_c)]

    def channel_codes(self, node: Node, graph: Graph, source: Codes) -> Codes | None:
        if any_packed(graph.required(node, 0), graph.output(node)):
            return None
        return source.clipped(*self.limits(node, graph))

    def spared_inputs(self, node: Node, graph: Graph, source: Codes, without: np.ndarray) -> np.ndarray:
        return without

    def spared_outputs(self, node: Node, graph: Graph, without: np.ndarray) -> np.ndarray:
        return without

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return self.geometry(node, graph).fields()

    def localized(self, node: Node, graph: Graph, pads: Pads) -> tuple[Attrs, dict[int, np.ndarray]]:
        assert isinstance(node.attrs, PoolAttrs)
        return replace(node.attrs, padding=EXPLICIT, pads=pads), {}

    def limits(self, node: Node, graph: Graph) -> tuple[float, float]:
        """Clamp limits of the fused activation, in codes for int8."""
        attrs = node.attrs
        assert isinstance(attrs, PoolAttrs)
        output = graph.output(node)
        return (
            float_limits(attrs.activation)
            if output.dtype.is_float
            else quantized_limits(attrs.activation, output)
        )

    def extra_params(self, node: Node, graph: Graph) -> dict[str, int]:
        """Parameters of the int8 kernel beyond geometry and limits."""
        return {}

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        source, output, name = graph.required(node, 0), graph.output(node), self.name.lower()
        params: dict[str, Any] = {
            key: value for key, value in self.geometry(node, graph).params().items() if "dilation" not in key
        }
        if source.dtype.is_integer:
            params |= self.extra_params(node, graph)
        if any_packed(source, output):
            params |= {"in_bits": source.dtype.bits, "out_bits": output.dtype.bits}
            table = Constant("table", self.table(node, graph))
            return [KernelCall(name, f"{name}_packed", params, (node.inputs[0],), node.outputs, (table,))]
        params["minimum"], params["maximum"] = self.limits(node, graph)
        contract = f"{name}_{source.dtype.code}"
        return [KernelCall(name, contract, params, (node.inputs[0],), node.outputs)]

    def case_attrs(self, draw: Draw) -> PoolAttrs:
        """Random options."""
        return self.attrs(
            draw.choice(PADDINGS),
            (draw.integer(1, 3), draw.integer(1, 3)),
            (draw.integer(1, 4), draw.integer(1, 5)),
            draw.choice(ACTIVATIONS),
        )

    def cases(self, draw: Draw) -> Graph:
        attrs = self.case_attrs(draw)
        low = (1, 1) if attrs.padding == "SAME" else attrs.window
        shape = (draw.choice((1, 3)), draw.integer(low[0], 9), draw.integer(low[1], 9), draw.integer(1, 9))
        case = _cases.Case(draw)
        x = case.input(shape, draw.choice(TYPES))
        source = case.tensors[x]
        return case.graph(self, [x], attrs, [(source.dtype.name, source.quant)])
