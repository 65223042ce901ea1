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

from intarsia.fixedpoint import Requantization
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.kernelcall import KernelCall
from intarsia.ops._channels import Codes, interval, kept_along
from intarsia.ops._common import schema
from intarsia.ops._convolution import Geometry, bias_or_zero, is_packed, packed_weights, quantization_of
from intarsia.ops._layer2d import Layer2D, LayerAttrs, Parts
from intarsia.ops._narrowsums import depthwise_codes
from intarsia.ops._wide import is_wide
from intarsia.ops.base import Draw, Shape, WeightRule


@dataclass(frozen=True)
class DepthwiseConv2DAttrs(LayerAttrs):
    """`multiplier` is what the file states; the shape of the weights decides."""

    multiplier: int = 1


class DepthwiseConv2D(Layer2D):
    name = "DEPTHWISE_CONV_2D"
    kernel = "depthwise_conv_2d"
    attrs = DepthwiseConv2DAttrs
    weights = WeightRule(weights=1, bias=2, axis=3)

    def parse(self, options: Any) -> DepthwiseConv2DAttrs:
        attrs = DepthwiseConv2DAttrs(*self.read_options(options))
        return replace(attrs, multiplier=options.depthMultiplier)

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, DepthwiseConv2DAttrs)
        options = self.write_options(attrs, schema().DepthwiseConv2DOptionsT())
        options.depthMultiplier = attrs.multiplier
        return options

    def fits(self, shape: Shape, weights: Shape) -> bool:
        return weights[0] == 1 and shape[3] > 0 and weights[3] % shape[3] == 0

    def rows(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(-1, weights.shape[3]).T

    def extent(self, node: Node, graph: Graph) -> dict[str, int]:
        return {"multiplier": self.channels(node, graph) // graph.required(node, 0).shape[3]}

    def narrow_reason(self, node: Node, graph: Graph) -> str | None:
        return "weights of several widths" if quantization_of(graph.required(node, 1)).bits else None

    def channel_codes(self, node: Node, graph: Graph, source: Codes) -> Codes | None:
        if is_wide(node, graph):
            return None
        channels, kernel = self.channels(node, graph), self.rows(self.centred_weights(node, graph))
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
        return np.repeat(without, self.channels(node, graph) // len(without))

    def without_channels(
        self, node: Node, graph: Graph, source: Codes | None, kept_in: np.ndarray, kept_out: np.ndarray
    ) -> dict[int, Tensor]:
        bias = graph.operand(node, 2)
        changes = {1: kept_along(graph.required(node, 1), kept_out, 3)}
        return changes | ({2: kept_along(bias, kept_out, 0)} if bias is not None else {})

    def float_sums(self, g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self._sums(g, x.astype(np.float32), weights.astype(np.float32))

    def wide_sums(self, g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return self._sums(g, x.astype(np.int64), weights)

    @staticmethod
    def _sums(g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Taps are added row by row in the type of x."""
        windows = g.windows(x, 0.0)
        kernel = weights.reshape(g.kernel_h, g.kernel_w, g.in_c, -1)
        total = np.zeros((g.batch, g.out_h, g.out_w, g.in_c, kernel.shape[3]), x.dtype)
        for ky in range(g.kernel_h):
            for kx in range(g.kernel_w):
                total += windows[:, :, :, ky, kx, :, None] * kernel[ky, kx]
        return total.reshape(g.batch, g.out_h, g.out_w, -1)

    def codes(
        self,
        g: Geometry,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray,
        requant: Requantization,
        zero: int,
    ) -> np.ndarray:
        taps = weights.reshape(g.kernel_h, g.kernel_w, g.in_c, -1)
        return depthwise_codes(g, x, taps, bias, zero, requant)

    def integer_call(self, node: Node, graph: Graph, parts: Parts) -> KernelCall:
        g, source, output = parts.geometry, graph.required(node, 0), graph.output(node)
        channels, in_bytes = self.channels(node, graph), source.dtype.run_bytes(g.in_c)
        fits = output.dtype.run_bytes(channels) <= in_bytes
        follows = g.out_h <= g.in_h and g.out_w <= g.in_w and g.pad_top < g.reach_h
        shared = channels == g.in_c and fits and follows  # no output row overtakes a row that is not kept yet
        contract, params, weights = "depthwise_conv_2d_s8_s8", parts.params, parts.weights
        if is_packed(node, graph):
            contract = "depthwise_conv_2d_packed"
            weights, _ = packed_weights(graph.required(node, 1))
            params = params | {
                "in_bits": source.dtype.bits,
                "weights_bits": graph.required(node, 1).dtype.bits,
                "out_bits": output.dtype.bits,
            }
        return KernelCall(
            self.kernel,
            contract,
            params=params,
            constants=(weights, *parts.behind),
            scratch=g.reach_h * g.in_w * in_bytes if shared else 0,
            inplace=((0, 0),) if shared else (),
            **parts.common,
        )

    def cases(self, draw: Draw) -> Graph:
        in_c, multiplier = draw.choice((1, 3, 5, 8, 17)), draw.choice((1, 1, 2, 3))
        kernel = (draw.choice((3, 1, 2, 5)), draw.choice((3, 1, 2, 4)))
        attrs = replace(DepthwiseConv2DAttrs(*self.drawn_attrs(draw)), multiplier=multiplier)
        channels = in_c * multiplier
        return self.drawn(draw, attrs, (1, *kernel, channels), in_c, channels)


OPERATOR = DepthwiseConv2D()
