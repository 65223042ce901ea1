# SPDX-License-Identifier: Apache-2.0
"""CONV_2D: int8 (weights per channel or per tensor, with or without weight zero point), 16x8 and float32.

Input, weights and output may also be int4 or int2, each on its own, and weights of several widths.

Inputs: feature map NHWC, weights OHWI, optional bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.dtypes import INT32, NARROW
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
    MAX_PACKED_TAPS,
    Geometry,
    bias_or_zero,
    channel_requantization,
    float_dot,
    integer_dot,
    is_packed,
    packed_params,
    packed_weights,
    range_reason,
    requantization_constants,
    types_reason,
    weights_zero_point,
)
from intarsia.ops._narrowsums import matrix_codes
from intarsia.ops._wide import WideRequantization, is_wide, wide_range_reason, wide_reason
from intarsia.ops.base import Draw, Field, Operator, Pads, Shape, Values, WeightRule


@dataclass(frozen=True)
class Conv2DAttrs(Attrs):
    """`float_product`: the scale product is formed in float32 and weights may have a zero point.

    Both belong to models that were uint8.
    """

    padding: PaddingMode = "SAME"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    activation: Activation = "NONE"
    float_product: bool = False
    pads: tuple[int, ...] = ()


def attrs_of(node: Node) -> Conv2DAttrs:
    assert isinstance(node.attrs, Conv2DAttrs)
    return node.attrs


class Conv2D(Operator):
    name = "CONV_2D"
    unsigned = "float_product"
    batchwise = True
    narrow = True
    half = True
    attrs = Conv2DAttrs
    crops = True
    weights = WeightRule(weights=1, bias=2, axis=0)

    def parse(self, options: Any) -> Conv2DAttrs:
        return Conv2DAttrs(
            padding_name(options.padding),
            (options.strideH, options.strideW),
            (options.dilationHFactor, options.dilationWFactor),
            activation_name(options.fusedActivationFunction),
        )

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, Conv2DAttrs)
        options = schema().Conv2DOptionsT()
        options.padding = PADDINGS.index(attrs.padding)
        options.strideH, options.strideW = attrs.stride
        options.dilationHFactor, options.dilationWFactor = attrs.dilation
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def geometry(self, node: Node, graph: Graph) -> Geometry:
        """Raises ValueError when weights and input do not fit together."""
        attrs = attrs_of(node)
        shape, weights = graph.required(node, 0).shape, graph.required(node, 1).shape
        if len(weights) != 4 or len(shape) != 4 or weights[3] != shape[3]:
            raise ValueError(f"weights {list(weights)} do not fit an input of {list(shape)}")
        return Geometry.of(
            shape, (weights[1], weights[2]), attrs.stride, attrs.dilation, attrs.padding, attrs.pads
        )

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        channels = graph.required(node, 1).shape[0]
        if is_wide(node, graph):
            return wide_reason(node, graph, channels) or wide_range_reason(
                graph.constant(node, 1).reshape(channels, -1),
                bias_or_zero(node, graph, channels, np.int64),
                self.wide_requant(node, graph),
            )
        if reason := types_reason(node, graph, channels, narrow=NARROW):
            return reason
        if graph.required(node, 0).dtype.is_float:
            return None
        zero_point = weights_zero_point(graph.required(node, 1))
        if zero_point != 0 and not attrs_of(node).float_product:
            return "int8 weights must have zero point 0"
        kernel = graph.constant(node, 1).reshape(channels, -1).astype(np.int64) - zero_point
        bias = bias_or_zero(node, graph, channels, np.int64)
        if kernel.shape[1] > MAX_PACKED_TAPS and is_packed(node, graph):
            return f"windows of {kernel.shape[1]} values"
        source = graph.required(node, 0)
        return range_reason(kernel, bias, source.zero_point, self.requant(node, graph), source.dtype.range)

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        g = self.geometry(node, graph)
        return [(g.batch, g.out_h, g.out_w, graph.required(node, 1).shape[0])]

    def requant(self, node: Node, graph: Graph) -> Requantization:
        attrs, channels = attrs_of(node), graph.required(node, 1).shape[0]
        return channel_requantization(
            node, graph, channels, attrs.activation, float_product=attrs.float_product
        )

    @staticmethod
    def wide_requant(node: Node, graph: Graph) -> WideRequantization:
        channels = graph.required(node, 1).shape[0]
        return WideRequantization.of(node, graph, channels, attrs_of(node).activation)

    def _centred_kernel(self, node: Node, graph: Graph) -> np.ndarray:
        """Weights [out_c, kernel_h, kernel_w, in_c] with their zero point taken off."""
        zero_point = np.int64(weights_zero_point(graph.required(node, 1)))
        centred: np.ndarray = graph.constant(node, 1).astype(np.int64) - zero_point
        return centred

    def channel_codes(self, node: Node, graph: Graph, source: Codes) -> Codes | None:
        if is_wide(node, graph):
            return None
        border = not self.geometry(node, graph).inside
        kernel = self._centred_kernel(node, graph)
        low, high = (
            np.broadcast_to(end, kernel.shape[1:]).reshape(-1)
            for end in source.centred(graph.required(node, 0).zero_point, border=border)
        )
        bias = bias_or_zero(node, graph, len(kernel), np.int64)
        requant = self.requant(node, graph)
        least, most = interval(kernel.reshape(len(kernel), -1), low, high, bias)
        return Codes(requant.apply(least), requant.apply(most))

    def spared_inputs(self, node: Node, graph: Graph, source: Codes, without: np.ndarray) -> np.ndarray:
        """Channels whose code is known wherever a window lies, and channels without weights."""
        border = not self.geometry(node, graph).inside
        known = source.constant & ((source.low == graph.required(node, 0).zero_point) | (not border))
        read: np.ndarray = self._centred_kernel(node, graph)[~without].any(axis=(0, 1, 2))
        spared: np.ndarray = known | ~read
        return spared

    def spared_outputs(self, node: Node, graph: Graph, without: np.ndarray) -> np.ndarray:
        return np.ones(graph.output(node).shape[-1], np.bool_)

    def without_channels(
        self, node: Node, graph: Graph, source: Codes | None, kept_in: np.ndarray, kept_out: np.ndarray
    ) -> dict[int, Tensor]:
        weights, kernel = graph.required(node, 1), self._centred_kernel(node, graph)
        bias = bias_or_zero(node, graph, len(kernel), np.int64)
        if source is not None:
            values = np.where(kept_in, 0, source.low - graph.required(node, 0).zero_point)
            bias = bias + kernel.sum(axis=(1, 2)) @ values
        old = graph.operand(node, 2)
        changed = old or Tensor(f"{graph.output(node).name}/bias", bias.shape, INT32)
        data = bias.astype(np.int32)
        whole = replace(changed, data=data, shape=data.shape)
        return {
            1: kept_along(kept_along(weights, kept_out, 0), kept_in, 3),
            2: kept_along(whole, kept_out, 0),
        }

    def receptive_field(self, node: Node, graph: Graph) -> tuple[Field, Field] | None:
        return self.geometry(node, graph).fields()

    def localized(self, node: Node, graph: Graph, pads: Pads) -> tuple[Attrs, dict[int, np.ndarray]]:
        return replace(attrs_of(node), padding=EXPLICIT, pads=pads), {}

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        x, weights = values[0], values[1]
        assert x is not None
        assert weights is not None
        g, channels = self.geometry(node, graph), weights.shape[0]
        shape = (g.batch, g.out_h, g.out_w, channels)
        kernel = weights.reshape(channels, -1)
        if x.dtype.kind == "f":
            columns = g.windows(x, 0.0).reshape(-1, kernel.shape[1])
            total = float_dot(columns, kernel) + bias_or_zero(node, graph, channels, np.float32)
            limits = float_limits(attrs_of(node).activation)
            return [np.clip(total, *limits).astype(x.dtype).reshape(shape)]
        zero_point, bias = graph.required(node, 0).zero_point, bias_or_zero(node, graph, channels, np.int64)
        columns = x if g.pixelwise else g.windows(x, zero_point)
        columns = columns.reshape(-1, kernel.shape[1])
        centred = kernel.astype(np.int64) - weights_zero_point(graph.required(node, 1))
        if is_wide(node, graph):
            total = integer_dot(columns, centred) + bias
            return [self.wide_requant(node, graph).apply(total).reshape(shape)]
        codes = matrix_codes(columns, centred, bias, zero_point, self.requant(node, graph))
        return [codes.reshape(shape)]

    def macs(self, node: Node, graph: Graph) -> int:
        g, weights = self.geometry(node, graph), graph.required(node, 1)
        return g.batch * g.out_h * g.out_w * weights.elements

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        g, source = self.geometry(node, graph), graph.required(node, 0)
        channels = graph.required(node, 1).shape[0]
        params: dict[str, Any] = {**g.params(), "out_c": channels}
        weights = Constant("weights", graph.constant(node, 1))
        common: dict[str, Any] = {
            "inputs": (node.inputs[0],),
            "outputs": node.outputs,
            "macs": self.macs(node, graph),
        }
        if source.dtype.is_float:
            params["minimum"], params["maximum"] = float_limits(attrs_of(node).activation)
            bias = Constant("bias", bias_or_zero(node, graph, channels, np.float32))
            contract = f"conv_2d_{source.dtype.code}"
            return [KernelCall("conv_2d", contract, params=params, constants=(weights, bias), **common)]
        if is_wide(node, graph):
            wide = self.wide_requant(node, graph)
            params["minimum"], params["maximum"] = wide.minimum, wide.maximum
            bias = Constant("bias", bias_or_zero(node, graph, channels, np.int64))
            constants = (weights, bias, *wide.constants())
            return [KernelCall("conv_2d", "conv_2d_s16_s8", params=params, constants=constants, **common)]
        requant = self.requant(node, graph)
        params |= {
            "in_zero": source.zero_point,
            "weights_zero": weights_zero_point(graph.required(node, 1)),
            "out_zero": requant.zero_point,
            "minimum": requant.minimum,
            "maximum": requant.maximum,
        }
        bias = Constant("bias", bias_or_zero(node, graph, channels, np.int32))
        behind = (bias, *requantization_constants(requant))
        if is_packed(node, graph):
            weights, widths = packed_weights(graph.required(node, 1))
            out_bytes = graph.output(node).dtype.run_bytes(channels)
            shared = g.pixelwise and out_bytes <= source.dtype.run_bytes(g.in_c)
            return [
                KernelCall(
                    "conv_2d",
                    "conv_2d_packed",
                    params=params | packed_params(node, graph),
                    constants=(weights, *behind, widths),
                    scratch=2 * g.kernel_h * g.kernel_w * g.in_c,
                    inplace=((0, 0),) if shared else (),
                    **common,
                )
            ]
        shared = g.pixelwise and channels <= g.in_c
        return [
            KernelCall(
                "conv_2d",
                "conv_2d_s8_s8",
                params=params,
                constants=(weights, *behind),
                scratch=g.in_c if shared else 0,
                inplace=((0, 0),) if shared else (),
                **common,
            )
        ]

    def cases(self, draw: Draw) -> Graph:
        in_c, out_c = draw.integer(1, 9), draw.integer(1, 9)
        kernel = (draw.choice((1, 3, 2, 5)), draw.choice((1, 3, 2, 4)))
        attrs = Conv2DAttrs(
            draw.choice(PADDINGS),
            (draw.integer(1, 3), draw.integer(1, 3)),
            draw.choice(((1, 1), (2, 1), (1, 2), (2, 2))),
            draw.choice(ACTIVATIONS),
        )
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, attrs.dilation, strict=True)]
        low = (1, 1) if attrs.padding == "SAME" else (reach[0], reach[1])
        shape = (draw.choice((1, 1, 3)), draw.integer(low[0], 12), draw.integer(low[1], 12), in_c)
        case = _cases.Case(draw)
        x = case.input(shape, draw.choice(("int8", "float32", "int16")))
        weights = case.weights(x, (out_c, *kernel, in_c), axis=0)
        inputs = [x, weights]
        if draw.choice((True, False)):
            inputs.append(case.bias(x, weights, out_c))
        return case.graph(self, inputs, attrs)


OPERATOR = Conv2D()
