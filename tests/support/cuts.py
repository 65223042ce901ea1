# SPDX-License-Identifier: Apache-2.0
"""Single layers cut into patches."""

from __future__ import annotations

from dataclasses import dataclass

from intarsia.ir import Graph
from intarsia.ops.conv_2d import Conv2DAttrs
from intarsia.ops.depthwise_conv_2d import DepthwiseConv2DAttrs
from intarsia.plan import patch
from intarsia.plan.plan import Plan
from support.draw import SeededDraw
from support.networks import Network

Cut = tuple[Graph, Plan]


@dataclass(frozen=True)
class Layer:
    """One layer with a window: `channels` of the output, None for depthwise."""

    kernel: tuple[int, int]
    channels: int | None = None
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str = "SAME"
    activation: str = "NONE"

    def add(self, net: Network, x: int) -> int:
        depth = net.shape(x)[3]
        options = self.padding, self.stride, self.dilation, self.activation
        if self.channels is None:
            weights = net.weights(x, (1, *self.kernel, depth), axis=3)
            inputs = [x, weights, net.bias(x, weights, depth)]
            return net.layer("DEPTHWISE_CONV_2D", inputs, DepthwiseConv2DAttrs(*options))
        weights = net.weights(x, (self.channels, *self.kernel, depth), axis=0)
        inputs = [x, weights, net.bias(x, weights, self.channels)]
        return net.layer("CONV_2D", inputs, Conv2DAttrs(*options))


def single(shape: tuple[int, int, int], layer: Layer, grid: tuple[int, int], seed: int) -> Cut:
    """A layer alone, in patches."""
    net = Network(SeededDraw(seed), (1, *shape))
    graph = net.finish(layer.add(net, net.source))
    return graph, patch.plan_of(graph, 0, grid)
