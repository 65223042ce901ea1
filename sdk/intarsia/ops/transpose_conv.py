# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE_CONV: int8 (weights per channel or per tensor), 16x8 and float32.

Inputs: output shape [N, H, W, C] (where it is not constant, the model's own output says it), weights OHWI,
feature map NHWC, optional bias. Input cell (y, x) adds to the outputs (y * stride_h - pad_top + ky,
x * stride_w - pad_left + kx) that exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from intarsia.fixedpoint import Requantization
from intarsia.ir import Attrs, Graph, Node, Quantization
from intarsia.kernelcall import Constant, KernelCall, Step
from intarsia.ops import _cases
from intarsia.ops._common import (
    ACTIVATIONS,
    PADDINGS,
    Activation,
    PaddingMode,
    Window,
    activation_name,
    float_limits,
    padding_name,
    schema,
)
from intarsia.ops._convolution import (
    bias_or_zero,
    channel_requantization,
    range_reason,
    requantization_constants,
    types_reason,
    weights_zero_point,
)
from intarsia.ops._wide import WideRequantization, is_wide, wide_range_reason, wide_reason
from intarsia.ops.base import Draw, Operator, Shape, Values, WeightRule

SOURCE, BIAS = 2, 3
"""Positions of the feature map and the bias among the inputs."""


@dataclass(frozen=True)
class TransposeConvAttrs(Attrs):
    """`float_product`: the scale product is formed in float32 and weights may have a zero point.

    Both belong to models that were uint8.
    """

    padding: PaddingMode = "SAME"
    stride: tuple[int, int] = (1, 1)
    activation: Activation = "NONE"
    float_product: bool = False


@dataclass(frozen=True)
class TransposeGeometry:
    """Extents of a transposed convolution, in the order of the kernel's parameters."""

    batch: int
    in_h: int
    in_w: int
    in_c: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    out_h: int
    out_w: int
    out_c: int

    def scatter(self, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Sums [N, out_h, out_w, out_c] in the type of x; every output adds by input row, column, channel."""
        rows = (self.in_h - 1) * self.stride_h + self.kernel_h
        columns = (self.in_w - 1) * self.stride_w + self.kernel_w
        height, width = max(rows, self.pad_top + self.out_h), max(columns, self.pad_left + self.out_w)
        total = np.zeros((self.batch, height, width, self.out_c), x.dtype)
        for ky in reversed(range(self.kernel_h)):
            for kx in reversed(range(self.kernel_w)):
                last_y, last_x = ky + (self.in_h - 1) * self.stride_h, kx + (self.in_w - 1) * self.stride_w
                target = total[:, ky : last_y + 1 : self.stride_h, kx : last_x + 1 : self.stride_w]
                for c in range(self.in_c):
                    target += x[..., c, None] * weights[:, ky, kx, c]
        return total[:, self.pad_top : self.pad_top + self.out_h, self.pad_left : self.pad_left + self.out_w]


def attrs_of(node: Node) -> TransposeConvAttrs:
    assert isinstance(node.attrs, TransposeConvAttrs)
    return node.attrs


def _pad_before(out: int, kernel: int, stride: int, padding: str) -> int:
    """Leading padding: that of the convolution which would take the output back to the input."""
    return Window.of(out, kernel, stride, 1, "SAME").before if padding == "SAME" else 0


class TransposeConv(Operator):
    name = "TRANSPOSE_CONV"
    unsigned = "float_product"
    attrs = TransposeConvAttrs
    weights = WeightRule(weights=1, bias=BIAS, axis=0)

    def parse(self, options: Any) -> TransposeConvAttrs:
        return TransposeConvAttrs(
            padding_name(options.padding),
            (options.strideH, options.strideW),
            activation_name(options.fusedActivationFunction),
        )

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, TransposeConvAttrs)
        options = schema().TransposeConvOptionsT()
        options.padding = PADDINGS.index(attrs.padding)
        options.strideH, options.strideW = attrs.stride
        options.fusedActivationFunction = ACTIVATIONS.index(attrs.activation)
        return options

    def geometry(self, node: Node, graph: Graph) -> TransposeGeometry:
        """Raises ValueError when output shape, weights and input do not fit together."""
        attrs, wanted = attrs_of(node), graph.required(node, 0).data
        out = list(graph.output(node).shape) if wanted is None else [int(d) for d in wanted.reshape(-1)]
        shape, weights = graph.required(node, SOURCE).shape, graph.required(node, 1).shape
        if len(shape) != 4 or len(weights) != 4 or shape[3] != weights[3] or min(*shape, *weights) < 1:
            raise ValueError(f"weights {list(weights)} do not fit an input of {list(shape)}")
        if len(out) != 4 or out[0] != shape[0] or out[3] != weights[0] or min(out) < 1:
            raise ValueError(f"output shape {out} does not fit weights {list(weights)}, input {list(shape)}")
        if min(attrs.stride) < 1:
            raise ValueError("strides must be positive")
        pads = [_pad_before(out[1 + i], weights[1 + i], attrs.stride[i], attrs.padding) for i in (0, 1)]
        return TransposeGeometry(*shape, *weights[1:3], *attrs.stride, *pads, *out[1:])

    def unsupported(self, node: Node, graph: Graph) -> str | None:
        channels = graph.required(node, 1).shape[0]
        if is_wide(node, graph, SOURCE):
            if graph.operand(node, BIAS) is None and graph.rule == "tflm":
                return (
                    "16x8 without a bias, which TFLM rounds in one way and tflite-runtime in another: "
                    "give it a bias of zeros, or take --reference litert"
                )
            return wide_reason(node, graph, channels, source=SOURCE, bias=BIAS) or wide_range_reason(
                graph.constant(node, 1).reshape(channels, -1),
                bias_or_zero(node, graph, channels, np.int64, BIAS),
                self.wide_requant(node, graph),
            )
        if reason := types_reason(node, graph, channels, source=SOURCE, bias=BIAS):
            return reason
        if graph.required(node, SOURCE).dtype.is_float:
            return None
        zero_point = weights_zero_point(graph.required(node, 1))
        if zero_point != 0 and not attrs_of(node).float_product:
            return "int8 weights must have zero point 0"
        kernel = graph.constant(node, 1).reshape(channels, -1).astype(np.int64) - zero_point
        bias = bias_or_zero(node, graph, channels, np.int64, BIAS)
        return range_reason(kernel, bias, graph.required(node, SOURCE).zero_point, self.requant(node, graph))

    def infer(self, node: Node, graph: Graph) -> list[Shape]:
        g = self.geometry(node, graph)
        return [(g.batch, g.out_h, g.out_w, g.out_c)]

    def requant(self, node: Node, graph: Graph) -> Requantization:
        attrs, channels = attrs_of(node), graph.required(node, 1).shape[0]
        return channel_requantization(
            node, graph, channels, attrs.activation, float_product=attrs.float_product, source=SOURCE
        )

    @staticmethod
    def wide_requant(node: Node, graph: Graph) -> WideRequantization:
        channels = graph.required(node, 1).shape[0]
        return WideRequantization.of(node, graph, channels, attrs_of(node).activation, source=SOURCE)

    def reference(self, node: Node, graph: Graph, values: Values) -> list[np.ndarray]:
        weights, x = values[1], values[SOURCE]
        assert x is not None
        assert weights is not None
        g = self.geometry(node, graph)
        if x.dtype == np.float32:
            total = g.scatter(x, weights) + bias_or_zero(node, graph, g.out_c, np.float32, BIAS)
            return [np.clip(total, *float_limits(attrs_of(node).activation)).astype(np.float32)]
        centred = x.astype(np.int64) - graph.required(node, SOURCE).zero_point
        kernel = weights.astype(np.int64) - weights_zero_point(graph.required(node, 1))
        total = g.scatter(centred, kernel) + bias_or_zero(node, graph, g.out_c, np.int64, BIAS)
        if is_wide(node, graph, SOURCE):
            return [self.wide_requant(node, graph).apply(total)]
        return [self.requant(node, graph).apply(total).astype(np.int8)]

    def macs(self, node: Node, graph: Graph) -> int:
        g = self.geometry(node, graph)
        return g.batch * g.in_h * g.in_w * graph.required(node, 1).elements

    def lower(self, node: Node, graph: Graph) -> list[Step]:
        g, source = self.geometry(node, graph), graph.required(node, SOURCE)
        params: dict[str, Any] = dict(vars(g))
        weights = Constant("weights", graph.constant(node, 1))
        common: dict[str, Any] = {
            "inputs": (node.inputs[SOURCE],),
            "outputs": node.outputs,
            "macs": self.macs(node, graph),
        }
        if source.dtype.is_float:
            params["minimum"], params["maximum"] = float_limits(attrs_of(node).activation)
            bias = Constant("bias", bias_or_zero(node, graph, g.out_c, np.float32, BIAS))
            contract = "transpose_conv_f32"
            return [
                KernelCall("transpose_conv", contract, params=params, constants=(weights, bias), **common)
            ]
        if is_wide(node, graph, SOURCE):
            wide = self.wide_requant(node, graph)
            params["minimum"], params["maximum"] = wide.minimum, wide.maximum
            bias = Constant("bias", bias_or_zero(node, graph, g.out_c, np.int64, BIAS))
            contract, constants = "transpose_conv_s16_s8", (weights, bias, *wide.constants())
            return [KernelCall("transpose_conv", contract, params=params, constants=constants, **common)]
        requant = self.requant(node, graph)
        params |= {
            "in_zero": source.zero_point,
            "weights_zero": weights_zero_point(graph.required(node, 1)),
            "out_zero": requant.zero_point,
            "minimum": requant.minimum,
            "maximum": requant.maximum,
        }
        bias = Constant("bias", bias_or_zero(node, graph, g.out_c, np.int32, BIAS))
        constants = (weights, bias, *requantization_constants(requant))
        contract = "transpose_conv_s8_s8"
        return [KernelCall("transpose_conv", contract, params=params, constants=constants, **common)]

    def cases(self, draw: Draw) -> Graph:
        in_c, out_c = draw.integer(1, 6), draw.integer(1, 6)
        kernel, stride = (draw.integer(1, 4), draw.integer(1, 4)), (draw.integer(1, 3), draw.integer(1, 3))
        attrs = TransposeConvAttrs(draw.choice(PADDINGS), stride, draw.choice(ACTIVATIONS))
        size, batch = (draw.integer(1, 6), draw.integer(1, 6)), draw.choice((1, 2))
        extra = [draw.integer(0, s - 1) for s in stride]
        if attrs.padding == "SAME":
            out = [n * s - e for n, s, e in zip(size, stride, extra, strict=True)]
        else:
            out = [(n - 1) * s + k + e for n, s, k, e in zip(size, stride, kernel, extra, strict=True)]
        case = _cases.Case(draw)
        shape = case.constant(np.array([batch, *out, out_c], np.int32))
        x = case.input((batch, *size, in_c), draw.choice(("int8", "float32", "int16")))
        weights = case.weights(x, (out_c, *kernel, in_c), axis=0)
        inputs = [shape, weights, x]
        biased, wide = draw.choice((True, False)), case.tensors[x].dtype.name == "int16"
        if biased:
            inputs.append(case.bias(x, weights, out_c))
        outputs = [(case.tensors[x].dtype.name, self._case_quant(case, x, weights))]
        graph = case.graph(self, inputs, attrs, outputs)
        return graph.replace(rule="litert") if wide and not biased else graph

    @staticmethod
    def _case_quant(case: _cases.Case, x: int, weights: int) -> Quantization | None:
        """A random output quantization that does not saturate everything."""
        source, kernel = case.tensors[x], case.tensors[weights]
        if source.dtype.is_float or kernel.quant is None:
            return None
        factor = max(kernel.quant.scale) * float(np.sqrt(kernel.elements)) * 2.0 ** case.draw.integer(1, 5)
        return Quantization((float(np.float32(source.scale * factor)),), (case.zero_point(source.dtype),))


OPERATOR = TransposeConv()
