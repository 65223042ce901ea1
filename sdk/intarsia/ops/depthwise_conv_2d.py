# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D: int8 (weights per channel or per tensor), 16x8 and float32, any depth multiplier.

Input, weights and output may also be int4 or int2, each on its own.

Inputs: feature map NHWC, weights [1, kernel_h, kernel_w, out_c], optional bias. Output channel
c * multiplier + m is made from input channel c.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.dtypes import NARROW
from intarsia.fixedpoint import Requantization
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._channels import Codes, interval, kept_along
from intarsia.ops._common import (
    ACTIVATIONS,
    EXPLICIT,
    PADDINGS,
    Activation,
    PaddingMode,
    activation_name,
    float_limits,
    padding_name,
    schema,
)
from intarsia.ops._convolution import (
    Geometry,
    bias_or_zero,
    channel_requantization,
    is_packed,
    packed_weights,
    quantization_of,
    range_reason,
    requantization_constants,
    types_reason,
    weights_zero_point,
)
from intarsia.ops._narrowsums import depthwise_codes
from intarsia.ops._wide import WideRequantization, is_wide, wide_range_reason, wide_reason
from intarsia.ops.base import Draw, Field, Operator, Pads, Shape, Values, WeightRule


@dataclass(frozen=True)
class DepthwiseConv2DAttrs(Attrs):
    """`multiplier` is what the file states; the shape of the weights decides.

    `float_product`: the scale product is formed in float32 and weights may have a zero point; both belong to
    models that were uint8.
    """

    padding: PaddingMode = "SAME"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    activation: Activation = "NONE"
    multiplier: int = 1
    float_product: bool = False
    pads: tuple[int, ...] = ()


def attrs_of(node: Node) -> DepthwiseConv2DAttrs:
    assert isinstance(node.attrs, DepthwiseConv2DAttrs)
    return node.attrs


class DepthwiseConv2D(Operator):
    name = "DEPTHWISE_CONV_2D"
    unsigned = "float_product"
    batchwise = True
    narrow = True
    half = True
    attrs = DepthwiseConv2DAttrs
    crops = True
    weights = WeightRule(weights=1, bias=2, axis=3)

    def parse(self, options: Any) -> DepthwiseConv2DAttrs:
        return DepthwiseConv2DAttrs(
            padding_name(options.padding),
            (options.strideH, options.strideW),
            (options.dilationHFactor, options.dilationWFactor),
            activation_name(options.fusedActivationFunction),
            options.depthMultiplier,
        )

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, DepthwiseConv2DAttrs)
        options = schema().DepthwiseConv2DOptionsT()
        options.padding = PADDINGS.index(attrs.padding)
        options.strideH, options.strideW = attrs.stride
        options.dilationHFactor, options.dilationWFactor = attrs.dilation
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        options.depthMultiplier = attrs.multiplier
        return options

    def geometry(self, node: Node, graph: Graph) -> Geometry:
        """Raises ValueError when weights and input do not fit together."""
        attrs = attrs_of(node)
        shape, weights = graph.required(node, 0).shape, graph.required(node, 1).shape
        if len(weights) != 4 or len(shape) != 4 or weights[0] != 1 or not shape[3] or weights[3] % shape[3]:
            raise ValueError(f"weights {list(weights)} do not fit an input of {list(shape)}")
        return Geometry.of(
            shape, (weights[1], weights[2]), attrs.stride, attrs.dilation, attrs.padding, attrs.pads
        )

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        channels = graph.required(node, 1).shape[3]
        if is_wide(node, graph):
            return wide_reason(node, graph, channels, axis=3) or wide_range_reason(
                graph.constant(node, 1).reshape(-1, channels).T,
                bias_or_zero(node, graph, channels, np.int64),
                self.wide_requant(node, graph),
            )
        if reason := types_reason(node, graph, channels, axis=3, narrow=NARROW):
            return reason
        if graph.required(node, 0).dtype.is_float:
            return None
        zero_point = weights_zero_point(graph.required(node, 1))
        if zero_point != 0 and not attrs_of(node).float_product:
            return "int8 weights must have zero point 0"
        kernel = graph.constant(node, 1).reshape(-1, channels).T.astype(np.int64) - zero_point
        bias = bias_or_zero(node, graph, channels, np.int64)
        if quantization_of(graph.required(node, 1)).bits:
            return "weights of several widths"
        source = graph.required(node, 0)
        return range_reason(kernel, bias, source.zero_point, self.requant(node, graph), source.dtype.range)

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        g = self.geometry(node, graph)
        return [(g.batch, g.out_h, g.out_w, graph.required(node, 1).shape[3])]

    def requant(self, node: Node, graph: Graph) -> Requantization:
        attrs, channels = attrs_of(node), graph.required(node, 1).shape[3]
        return channel_requantization(
            node, graph, channels, attrs.activation, float_product=attrs.float_product
        )

    @staticmethod
    def wide_requant(node: Node, graph: Graph) -> WideRequantization:
        channels = graph.required(node, 1).shape[3]
        return WideRequantization.of(node, graph, channels, attrs_of(node).activation)

    def channel_codes(self, node: Node, graph: Graph, source: Codes) -> Codes | None:
        if is_wide(node, graph):
            return None
        channels = graph.required(node, 1).shape[3]
        kernel = graph.constant(node, 1).reshape(-1, channels).T.astype(np.int64)
        kernel = kernel - weights_zero_point(graph.required(node, 1))
        border = not self.geometry(node, graph).inside
        low, high = (
            np.repeat(end, channels // len(end))[:, None]
            for end in source.centred(graph.required(node, 0).zero_point, border=border)
        )
        requant = self.requant(node, graph)
        least, most = interval(kernel, low, high, bias_or_zero(node, graph, channels, np.int64))
        return Codes(requant.apply(least), requant.apply(most))

    def spared_inputs(self, node: Node, graph: Graph, source: Codes, without: np.ndarray) -> np.ndarray:
        """Channels that only make outputs which are left out."""
        spared = [bool(made.all()) for made in without.reshape(len(source.low), -1)]
        return np.array(spared, np.bool_)

    def spared_outputs(self, node: Node, graph: Graph, without: np.ndarray) -> np.ndarray:
        return np.repeat(without, graph.required(node, 1).shape[3] // len(without))

    def without_channels(
        self, node: Node, graph: Graph, source: Codes | None, kept_in: np.ndarray, kept_out: np.ndarray
    ) -> dict[int, Tensor]:
        bias = graph.operand(node, 2)
        changes = {1: kept_along(graph.required(node, 1), kept_out, 3)}
        return changes | ({2: kept_along(bias, kept_out, 0)} if bias is not None else {})

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return self.geometry(node, graph).fields()

    def localized(self, node: Node, graph: Graph, pads: Pads) -> tuple[Attrs, dict[int, np.ndarray]]:
        return replace(attrs_of(node), padding=EXPLICIT, pads=pads), {}

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, weights = values[0], values[1]
        assert x is not None
        assert weights is not None
        g, channels = self.geometry(node, graph), weights.shape[3]
        if x.dtype.kind == "f":
            sums = self.sums(g, x.astype(np.float32), weights.astype(np.float32))
            total = sums + bias_or_zero(node, graph, channels, np.float32)
            return [np.clip(total, *float_limits(attrs_of(node).activation)).astype(x.dtype)]
        kernel = weights.astype(np.int64) - weights_zero_point(graph.required(node, 1))
        bias = bias_or_zero(node, graph, channels, np.int64)
        if is_wide(node, graph):
            return [self.wide_requant(node, graph).apply(self.sums(g, x.astype(np.int64), kernel) + bias)]
        taps, zero_point = (
            kernel.reshape(g.kernel_h, g.kernel_w, g.in_c, -1),
            graph.required(node, 0).zero_point,
        )
        return [depthwise_codes(g, x, taps, bias, zero_point, self.requant(node, graph))]

    @staticmethod
    def sums(g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sums of products [N, out_h, out_w, out_c], taps added row by row in the type of x."""
        windows = g.windows(x, 0.0)
        kernel = weights.reshape(g.kernel_h, g.kernel_w, g.in_c, -1)
        total = np.zeros((g.batch, g.out_h, g.out_w, g.in_c, kernel.shape[3]), x.dtype)
        for ky in range(g.kernel_h):
            for kx in range(g.kernel_w):
                total += windows[:, :, :, ky, kx, :, None] * kernel[ky, kx]
        return total.reshape(g.batch, g.out_h, g.out_w, -1)

    def macs(self, node: Node, graph: Graph) -> int:
        g, weights = self.geometry(node, graph), graph.required(node, 1)
        return g.batch * g.out_h * g.out_w * weights.elements

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        g, source = self.geometry(node, graph), graph.required(node, 0)
        channels = graph.required(node, 1).shape[3]
        params: dict[str, Any] = {**g.params(), "multiplier": channels // g.in_c}
        weights = Constant("weights", graph.constant(node, 1))
        common: dict[str, Any] = {
            "inputs": (node.inputs[0],),
            "outputs": node.outputs,
            "macs": self.macs(node, graph),
        }
        if source.dtype.is_float:
            params["minimum"], params["maximum"] = float_limits(attrs_of(node).activation)
            bias = Constant("bias", bias_or_zero(node, graph, channels, np.float32))
            contract = f"depthwise_conv_2d_{source.dtype.code}"
            return [
                KernelCall("depthwise_conv_2d", contract, params=params, constants=(weights, bias), **common)
            ]
        if is_wide(node, graph):
            wide = self.wide_requant(node, graph)
            params["minimum"], params["maximum"] = wide.minimum, wide.maximum
            bias = Constant("bias", bias_or_zero(node, graph, channels, np.int64))
            contract, constants = "depthwise_conv_2d_s16_s8", (weights, bias, *wide.constants())
            return [KernelCall("depthwise_conv_2d", contract, params=params, constants=constants, **common)]
        requant = self.requant(node, graph)
        params |= {
            "in_zero": source.zero_point,
            "weights_zero": weights_zero_point(graph.required(node, 1)),
            "out_zero": requant.zero_point,
            "minimum": requant.minimum,
            "maximum": requant.maximum,
        }
        bias = Constant("bias", bias_or_zero(node, graph, channels, np.int32))
        in_bytes = source.dtype.run_bytes(g.in_c)
        fits = graph.output(node).dtype.run_bytes(channels) <= in_bytes
        follows = g.out_h <= g.in_h and g.out_w <= g.in_w and g.pad_top < g.reach_h
        shared = channels == g.in_c and fits and follows  # no output row overtakes a row that is not kept yet
        common["scratch"] = g.reach_h * g.in_w * in_bytes if shared else 0
        common["inplace"] = ((0, 0),) if shared else ()
        contract = "depthwise_conv_2d_s8_s8"
        if is_packed(node, graph):
            contract = "depthwise_conv_2d_packed"
            weights, _ = packed_weights(graph.required(node, 1))
            params |= {
                "in_bits": source.dtype.bits,
                "weights_bits": graph.required(node, 1).dtype.bits,
                "out_bits": graph.output(node).dtype.bits,
            }
        constants = (weights, bias, *requantization_constants(requant))
        return [KernelCall("depthwise_conv_2d", contract, params=params, constants=constants, **common)]

    def cases(self, draw: Draw) -> Graph:
        in_c, multiplier = draw.choice((1, 3, 5, 8, 17)), draw.choice((1, 1, 2, 3))
        kernel = (draw.choice((3, 1, 2, 5)), draw.choice((3, 1, 2, 4)))
        attrs = DepthwiseConv2DAttrs(
            draw.choice(PADDINGS),
            (draw.integer(1, 3), draw.integer(1, 3)),
            draw.choice(((1, 1), (2, 1), (1, 2), (2, 2))),
            draw.choice(ACTIVATIONS),
            multiplier,
        )
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, attrs.dilation, strict=True)]
        low = (1, 1) if attrs.padding == "SAME" else (reach[0], reach[1])
        shape = (draw.choice((1, 1, 3)), draw.integer(low[0], 12), draw.integer(low[1], 12), in_c)
        case = _cases.Case(draw)
        x = case.input(shape, draw.choice(("int8", "float32", "int16")))
        weights = case.weights(x, (1, *kernel, in_c * multiplier), axis=3)
        inputs = [x, weights]
        if draw.choice((True, False)):
            inputs.append(case.bias(x, weights, in_c * multiplier))
        return case.graph(self, inputs, attrs)


OPERATOR = DepthwiseConv2D()
