# SPDX-License-Identifier: Apache-2.0
"""CONV_2D: int8 (weights per channel or per tensor, with or without weight zero point), 16x8 and float32.

Input, weights and output may also be int4 or int2, each on its own, and weights of several widths.

Inputs: feature map NHWC, weights OHWI, optional bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from intarsia.dtypes import INT32
from intarsia.fixedpoint import Requantization
from intarsia.ir import Attrs, Graph, Node, Tensor
from intarsia.kernelcall import KernelCall
from intarsia.ops._channels import Codes, interval, kept_along
from intarsia.ops._common import schema
from intarsia.ops._convolution import (
    MAX_PACKED_TAPS,
    Geometry,
    bias_or_zero,
    float_dot,
    integer_dot,
    is_packed,
    packed_params,
    packed_weights,
)
from intarsia.ops._layer2d import Layer2D, LayerAttrs, Parts
from intarsia.ops._narrowsums import matrix_codes
from intarsia.ops._wide import is_wide
from intarsia.ops.base import Draw, Shape, WeightRule


@dataclass(frozen=True)
class Conv2DAttrs(LayerAttrs):
    """Those of `LayerAttrs`."""


class Conv2D(Layer2D):
    name = "CONV_2D"
    kernel = "conv_2d"
    attrs = Conv2DAttrs
    weights = WeightRule(weights=1, bias=2, axis=0)

    def parse(self, options: Any) -> Conv2DAttrs:
        return Conv2DAttrs(*self.read_options(options))

    def options(self, attrs: Attrs) -> Any:
        assert isinstance(attrs, Conv2DAttrs)
        return self.write_options(attrs, schema().Conv2DOptionsT())

    def fits(self, shape: Shape, weights: Shape) -> bool:
        return weights[3] == shape[3]

    def rows(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(len(weights), -1)

    def extent(self, node: Node, graph: Graph) -> dict[str, int]:
        return {"out_c": self.channels(node, graph)}

    def narrow_reason(self, node: Node, graph: Graph) -> str | None:
        taps = graph.required(node, 1).elements // self.channels(node, graph)
        return f"windows of {taps} values" if taps > MAX_PACKED_TAPS and is_packed(node, graph) else None

    def channel_codes(self, node: Node, graph: Graph, source: Codes) -> Codes | None:
        if is_wide(node, graph):
            return None
        border = not self.geometry(node, graph).inside
        kernel = self.centred_weights(node, graph)
        low, high = (
            np.broadcast_to(end, kernel.shape[1:]).reshape(-1)
            for end in source.centred(graph.required(node, 0).zero_point, border=border)
        )
        bias = bias_or_zero(node, graph, len(kernel), np.int64)
        requant = self.requant(node, graph)
        least, most = interval(self.rows(kernel), low, high, bias)
        return Codes(requant.apply(least), requant.apply(most))

    def spared_inputs(self, node: Node, graph: Graph, source: Codes, without: np.ndarray) -> np.ndarray:
        """Channels whose code is known wherever a window lies, and channels without weights."""
        border = not self.geometry(node, graph).inside
        known = source.constant & ((source.low == graph.required(node, 0).zero_point) | (not border))
        read: np.ndarray = self.centred_weights(node, graph)[~without].any(axis=(0, 1, 2))
        spared: np.ndarray = known | ~read
        return spared

    def spared_outputs(self, node: Node, graph: Graph, without: np.ndarray) -> np.ndarray:
        return np.ones(graph.output(node).shape[-1], np.bool_)

    def without_channels(
        self, node: Node, graph: Graph, source: Codes | None, kept_in: np.ndarray, kept_out: np.ndarray
    ) -> dict[int, Tensor]:
        weights, kernel = graph.required(node, 1), self.centred_weights(node, graph)
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

    def float_sums(self, g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        kernel = self.rows(weights)
        sums = float_dot(g.windows(x, 0.0).reshape(-1, kernel.shape[1]), kernel)
        return sums.reshape(g.batch, g.out_h, g.out_w, -1)

    def wide_sums(self, g: Geometry, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
        kernel = self.rows(weights)
        sums = integer_dot(g.windows(x, 0).reshape(-1, kernel.shape[1]), kernel)
        return sums.reshape(g.batch, g.out_h, g.out_w, -1)

    def codes(
        self,
        g: Geometry,
        x: np.ndarray,
        weights: np.ndarray,
        bias: np.ndarray,
        requant: Requantization,
        zero: int,
    ) -> np.ndarray:
        kernel = self.rows(weights)
        columns = (x if g.pixelwise else g.windows(x, zero)).reshape(-1, kernel.shape[1])
        codes = matrix_codes(columns, kernel, bias, zero, requant)
        return codes.reshape(g.batch, g.out_h, g.out_w, -1)

    def integer_call(self, node: Node, graph: Graph, parts: Parts) -> KernelCall:
        g, source, output = parts.geometry, graph.required(node, 0), graph.output(node)
        channels = self.channels(node, graph)
        out_bytes = output.dtype.run_bytes(channels)
        shared = g.pixelwise and out_bytes <= source.dtype.run_bytes(g.in_c)
        inplace = ((0, 0),) if shared else ()
        if not is_packed(node, graph):
            return KernelCall(
                self.kernel,
                "conv_2d_s8_s8",
                params=parts.params,
                constants=(parts.weights, *parts.behind),
                scratch=g.in_c if shared else 0,
                inplace=inplace,
                **parts.common,
            )
        weights, widths = packed_weights(graph.required(node, 1))
        return KernelCall(
            self.kernel,
            "conv_2d_packed",
            params=parts.params | packed_params(node, graph),
            constants=(weights, *parts.behind, widths),
            scratch=2 * g.kernel_h * g.kernel_w * g.in_c,
            inplace=inplace,
            **parts.common,
        )

    def cases(self, draw: Draw) -> Graph:
        in_c, out_c = draw.integer(1, 9), draw.integer(1, 9)
        kernel = (draw.choice((1, 3, 2, 5)), draw.choice((1, 3, 2, 4)))
        attrs = Conv2DAttrs(*self.drawn_attrs(draw))
        return self.drawn(draw, attrs, (out_c, *kernel, in_c), in_c, out_c)


OPERATOR = Conv2D()
